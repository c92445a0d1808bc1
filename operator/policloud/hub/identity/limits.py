"""How often one caller may ask: token buckets, bounded in number."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from policloud.ports import Clock

_MAX_CALLERS: Final = 20_000


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float


class RateLimit:
    """`burst` at once and `per_minute` in the long run, for each caller (an address, a membership).

    Beyond 20,000 callers the one that asked longest ago is forgotten: memory is bounded, and a flood from many
    addresses gains a burst each, no more.
    """

    def __init__(self, clock: Clock, *, per_minute: float, burst: int) -> None:
        self._clock = clock
        self._rate = per_minute / 60
        self._burst = burst
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, caller: str) -> float:
        """Take one; 0.0 if there was one, else the seconds until there is."""
        now = self._clock.monotonic()
        bucket = self._buckets.pop(caller, None) or _Bucket(self._burst, now)
        self._buckets[caller] = bucket
        if len(self._buckets) > _MAX_CALLERS:
            self._buckets.popitem(last=False)
        bucket.left = min(self._burst, bucket.left + (now - bucket.at) * self._rate)
        bucket.at = now
        if bucket.left < 1:
            return (1 - bucket.left) / self._rate
        bucket.left -= 1
        return 0.0
