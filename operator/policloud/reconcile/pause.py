"""Waiting that ends early when the process is told to stop."""

from __future__ import annotations

import asyncio

from policloud.ports import Clock


async def pause(clock: Clock, stop: asyncio.Event, seconds: float) -> None:
    """Sleep `seconds` of that clock, or until `stop`."""
    tasks = {asyncio.ensure_future(clock.sleep(seconds)), asyncio.ensure_future(stop.wait())}
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
