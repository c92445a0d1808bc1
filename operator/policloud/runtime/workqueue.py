"""A coalescing work queue with the semantics of client-go's: dirty, busy, FIFO, delays and backoff per key."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from policloud.runtime.timers import Handle, LoopTimers, Timers

K = TypeVar("K", bound=Hashable)

_LOW_TURN = 8  # after so many interactive keys in a row, one of low priority: a resync must not starve


class QueueMetrics(Protocol):
    """What a queue reports as it happens; depth and ages are read from it when scraped."""

    def added(self, queue: str) -> None: ...

    def retried(self, queue: str) -> None: ...

    def waited(self, queue: str, seconds: float) -> None: ...

    def worked(self, queue: str, seconds: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Backoff:
    """Delay before the n-th retry: `base` × 2^(n-1) up to `ceiling` seconds, ± `jitter` as a share."""

    base: float = 0.25
    ceiling: float = 300.0
    jitter: float = 0.25

    def delay(self, failures: int, rng: random.Random) -> float:
        exact = min(self.ceiling, self.base * 2.0 ** min(failures - 1, 30))
        return exact * (1 + self.jitter * (2 * rng.random() - 1))


class QueueClosedError(Exception):
    """The queue is shut down and empty: a worker's sign to leave."""


class WorkQueue(Generic[K]):
    """Keys to be processed. A key is handed out to one worker at a time, and once for any number of adds.

    - `add` of a waiting key changes nothing (but raises a low one to normal); of a busy key it marks it dirty,
      and `done` puts it back at the end.
    - `add_after` keeps the earliest of several delays for a key.
    - `add_backoff` counts a failure and delays exponentially, until `forget`.

    Not thread-safe: to be used from one event loop.
    """

    def __init__(
        self,
        name: str = "queue",
        *,
        timers: Timers | None = None,
        rng: random.Random | None = None,
        backoff: Backoff | None = None,
        metrics: QueueMetrics | None = None,
    ) -> None:
        self.name = name
        self.metrics = metrics
        self._timers = timers or LoopTimers()
        self._rng = rng or random.Random()  # noqa: S311 - spreads retries, guards nothing
        self._backoff = backoff or Backoff()
        self._normal: dict[K, float] = {}  # waiting key -> when it was added
        self._low: dict[K, float] = {}
        self._busy: dict[K, float] = {}  # key in work -> when it was handed out
        self._dirty: dict[K, bool] = {}  # busy key that was added again -> whether at low priority
        self._delayed: dict[K, tuple[float, Handle]] = {}
        self._failures: dict[K, int] = {}
        self._normal_turns = 0
        self._getters: list[asyncio.Future[None]] = []
        self._closed = False
        self._idle = asyncio.Event()
        self._idle.set()

    # -- adding

    def add(self, key: K, *, low: bool = False) -> None:
        if self._closed:
            return
        if key in self._busy:
            if key not in self._dirty and self.metrics:
                self.metrics.added(self.name)
            self._dirty[key] = self._dirty.get(key, True) and low
            return
        if key in self._normal:
            return
        if key in self._low:
            if not low:
                self._normal[key] = self._low.pop(key)
            return
        self._enqueue(key, low=low)

    def add_after(self, key: K, seconds: float) -> None:
        """Add in `seconds`, unless an earlier delay for that key is running already."""
        if self._closed:
            return
        if seconds <= 0:
            self.add(key)
            return
        due = self._timers.monotonic() + seconds
        running = self._delayed.get(key)
        if running is not None:
            if running[0] <= due:
                return
            running[1].cancel()
        self._delayed[key] = (due, self._timers.call_later(seconds, lambda: self._due(key)))

    def add_backoff(self, key: K, *, at_least: float = 0.0) -> float:
        """Count a failure and add after its backoff (or `at_least` seconds); the delay chosen is returned."""
        failures = self._failures.get(key, 0) + 1
        self._failures[key] = failures
        if self.metrics:
            self.metrics.retried(self.name)
        delay = max(at_least, self._backoff.delay(failures, self._rng))
        self.add_after(key, delay)
        return delay

    def forget(self, key: K) -> None:
        """It went well: the next failure starts from the shortest delay again."""
        self._failures.pop(key, None)

    def failures(self, key: K) -> int:
        return self._failures.get(key, 0)

    # -- taking

    async def get(self) -> K:
        """The next key, which is busy from now on until `done(key)`. QueueClosedError after `close`."""
        while not (self._normal or self._low):
            if self._closed:
                raise QueueClosedError(self.name)
            await self._wait()
        key, since = self._pop()
        now = self._timers.monotonic()
        self._busy[key] = now
        if self.metrics:
            self.metrics.waited(self.name, now - since)
        return key

    def done(self, key: K) -> None:
        since = self._busy.pop(key)
        if self.metrics:
            self.metrics.worked(self.name, self._timers.monotonic() - since)
        if key in self._dirty:
            low = self._dirty.pop(key)
            if not self._closed:
                self._enqueue(key, low=low, counted=True)
        self._note_idle()

    async def drain(self) -> None:
        """Return when nothing waits and nothing is in work (delayed keys do not count)."""
        await self._idle.wait()

    def close(self) -> None:
        """Take no more, drop what waits or is delayed, and send every waiting worker home."""
        self._closed = True
        for _, handle in self._delayed.values():
            handle.cancel()
        self._delayed.clear()
        self._normal.clear()
        self._low.clear()
        self._dirty.clear()
        for getter in self._getters:
            if not getter.done():
                getter.set_result(None)
        self._note_idle()

    # -- looking

    def __len__(self) -> int:
        return len(self._normal) + len(self._low)

    @property
    def delayed(self) -> int:
        return len(self._delayed)

    def oldest_wait(self) -> float:
        """Seconds that the oldest key of normal priority has been waiting; 0 if none."""
        since = next(iter(self._normal.values()), None)
        return 0.0 if since is None else self._timers.monotonic() - since

    def unfinished(self) -> tuple[float, float]:
        """Seconds in work: summed over the busy keys, and of the longest."""
        now = self._timers.monotonic()
        ages = [now - since for since in self._busy.values()]
        return sum(ages), max(ages, default=0.0)

    # -- inside

    def _enqueue(self, key: K, *, low: bool, counted: bool = False) -> None:
        (self._low if low else self._normal)[key] = self._timers.monotonic()
        self._idle.clear()
        if self.metrics and not counted:
            self.metrics.added(self.name)
        self._wake()

    def _wake(self) -> None:
        while self._getters:
            getter = self._getters.pop(0)
            if not getter.done():
                getter.set_result(None)
                return

    async def _wait(self) -> None:
        getter = asyncio.get_running_loop().create_future()
        self._getters.append(getter)
        try:
            await getter
        except asyncio.CancelledError:
            if getter in self._getters:
                self._getters.remove(getter)
            elif self._normal or self._low:
                self._wake()  # the wake-up was ours and we leave: pass it on
            raise

    def _pop(self) -> tuple[K, float]:
        take_low = bool(self._low) and (not self._normal or self._normal_turns >= _LOW_TURN)
        self._normal_turns = 0 if take_low else self._normal_turns + 1
        waiting = self._low if take_low else self._normal
        key = next(iter(waiting))
        return key, waiting.pop(key)

    def _due(self, key: K) -> None:
        self._delayed.pop(key, None)
        self.add(key)

    def _note_idle(self) -> None:
        if not (self._normal or self._low or self._busy):
            self._idle.set()
