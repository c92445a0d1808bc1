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


async def wait_set(timers: Timers, event: asyncio.Event, seconds: float) -> bool:
    """Wait for `event` for at most `seconds` of `timers`; whether it is set."""
    if event.is_set() or seconds <= 0:
        return event.is_set()
    woken = asyncio.Event()
    handle = timers.call_later(seconds, woken.set)
    waits = [asyncio.ensure_future(event.wait()), asyncio.ensure_future(woken.wait())]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        handle.cancel()
        for wait in waits:
            wait.cancel()
    return event.is_set()
