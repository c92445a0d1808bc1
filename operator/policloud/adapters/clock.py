"""The real clock behind the Clock port."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime


class SystemClock:
    """Wall time for what is written, monotonic time for what is waited."""

    def now(self) -> datetime:
        return datetime.now(UTC)  # noqa: TID251 - this is where the clock comes in

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
