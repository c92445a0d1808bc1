"""Time as the runtime sees it: a monotonic reading and a call later. Injected, so that tests own it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol


class Handle(Protocol):
    """A call that has not happened yet."""

    def cancel(self) -> None: ...


class Timers(Protocol):
    """`monotonic` in seconds from an arbitrary start; `call_later` on the running event loop."""

    def monotonic(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...

    def call_later(self, seconds: float, call: Callable[[], None]) -> Handle: ...


class LoopTimers:
    """The real thing: the event loop that runs when it is called."""

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def call_later(self, seconds: float, call: Callable[[], None]) -> Handle:
        return asyncio.get_running_loop().call_later(seconds, call)
