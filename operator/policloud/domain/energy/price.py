"""Price and carbon of a kilowatt-hour now. What is not known is None: a missing price never raises power."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Window:
    """A tariff on some days (0 = Monday) between two wall-clock times; `end` 00:00 means midnight."""

    days: frozenset[int]
    start: time
    end: time
    price: Decimal

    def covers(self, local: datetime) -> bool:
        if local.weekday() not in self.days:
            return False
        moment = local.time()
        if self.end == time(0):
            return moment >= self.start
        if self.start <= self.end:
            return self.start <= moment < self.end
        return moment >= self.start or moment < self.end


def time_of_use(windows: Sequence[Window], local: datetime, default: Decimal | None = None) -> Decimal | None:
    """Price by the first window that covers the plant's local time."""
    return next((w.price for w in windows if w.covers(local)), default)


def opportunity(reference: Decimal | None, fee: Decimal, floor: Decimal | None) -> Decimal | None:
    """What the kWh would have been sold for: reference less the fee, at least the floor. Unknown without reference.

    All in one unit of money per energy; the caller converts from MWh.
    """
    if reference is None:
        return None
    sold = reference - fee
    return sold if floor is None else max(sold, floor)
