"""Time that passes only when a test says so."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

_START = datetime(2026, 1, 1, tzinfo=UTC)


class _Handle:
    def __init__(self, call: Callable[[], None]) -> None:
        self.call: Callable[[], None] | None = call

    def cancel(self) -> None:
        self.call = None


class VirtualClock:
    """Implements ports.Clock and runtime.timers.Timers. `advance` runs what becomes due, in order."""

    def __init__(self, start: datetime = _START) -> None:
        self._start = start
        self._now = 0.0
        self._order = itertools.count()
        self._heap: list[tuple[float, int, _Handle]] = []

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._now)

    def monotonic(self) -> float:
        return self._now

    def call_later(self, seconds: float, call: Callable[[], None]) -> _Handle:
        handle = _Handle(call)
        heapq.heappush(self._heap, (self._now + max(0.0, seconds), next(self._order), handle))
        return handle

    async def sleep(self, seconds: float) -> None:
        """Until the clock has advanced so far; at once, but for a turn of the loop, if `seconds` is not positive."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken = asyncio.Event()
        handle = self.call_later(seconds, woken.set)
        try:
            await woken.wait()
        finally:
            handle.cancel()

    def advance_now(self, seconds: float) -> None:
        """Advance and run what is due, without giving tasks a turn in between."""
        end = self._now + seconds
        while self._heap and self._heap[0][0] <= end:
            self._step()
        self._now = end

    async def advance(self, seconds: float, *, turns: int = 20) -> None:
        """Advance; after each due call, tasks get `turns` of the loop to react (and to sleep again)."""
        end = self._now + seconds
        await self.settle(turns)
        while self._heap and self._heap[0][0] <= end:
            self._step()
            await self.settle(turns)
        self._now = end
        await self.settle(turns)

    async def settle(self, turns: int = 20) -> None:
        """Let tasks run until they wait for something, time apart."""
        for _ in range(turns):
            await asyncio.sleep(0)

    @property
    def pending(self) -> int:
        """Calls that are waiting for their time."""
        return sum(1 for _, _, handle in self._heap if handle.call is not None)

    def _step(self) -> None:
        at, _, handle = heapq.heappop(self._heap)
        self._now = max(self._now, at)
        if handle.call is not None:
            call, handle.call = handle.call, None
            call()
