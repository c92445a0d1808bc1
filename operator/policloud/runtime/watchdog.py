"""Health from our own facts: named checks, and how late the event loop is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass

from policloud.runtime.timers import LoopTimers, Timers

log = logging.getLogger(__name__)

Check = Callable[[], str | None]
"""None if all is well, else what is wrong, in words fit for a probe's body."""


@dataclass(frozen=True, slots=True)
class Verdict:
    reasons: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return not self.reasons


class Watchdog:
    """Gathers checks. A failing `live` check means: end this process. A failing `ready` one: not yet, or not now."""

    def __init__(
        self,
        *,
        timers: Timers | None = None,
        max_lag: float = 10.0,
        on_lag: Callable[[float], None] = lambda _: None,
    ) -> None:
        self._timers = timers or LoopTimers()
        self._live: dict[str, Check] = {}
        self._ready: dict[str, Check] = {}
        self._max_lag = max_lag
        self._on_lag = on_lag
        self.lag = 0.0
        self.add_live("event loop", self._lagging)

    def add_live(self, name: str, check: Check) -> None:
        self._live[name] = check

    def add_ready(self, name: str, check: Check) -> None:
        self._ready[name] = check

    def live(self) -> Verdict:
        return _judge(self._live)

    def ready(self) -> Verdict:
        """What makes it unfit to live makes it unready too."""
        return _judge({**self._live, **self._ready})

    async def run(self, period: float = 1.0) -> None:
        """Measure the loop's lag until cancelled."""
        while True:
            before = self._timers.monotonic()
            await self._timers.sleep(period)
            self.lag = max(0.0, self._timers.monotonic() - before - period)
            self._on_lag(self.lag)
            if self.lag > 1.0:
                log.warning("the event loop was blocked for %.1f s", self.lag)

    def _lagging(self) -> str | None:
        return f"blocked for {self.lag:.1f} s" if self.lag > self._max_lag else None


def _judge(checks: dict[str, Check]) -> Verdict:
    reasons = []
    for name, check in checks.items():
        try:
            problem = check()
        except Exception as e:  # noqa: BLE001 - a broken check is a problem, not an end of the others
            problem = f"check failed: {type(e).__name__}"
        if problem is not None:
            reasons.append(f"{name}: {problem}")
    return Verdict(tuple(reasons))


def age_check(timers: Timers, since: Callable[[], float | None], limit: float, what: str) -> Check:
    """Fails if `since()` (monotonic) is None or longer ago than `limit` seconds."""

    def check() -> str | None:
        at = since()
        if at is None:
            return f"{what} never happened yet"
        age = timers.monotonic() - at
        return f"{what} {age:.0f} s ago, allowed {limit:.0f} s" if age > limit else None

    return check


async def cancel_all(tasks: list[asyncio.Task[None]]) -> None:
    """Cancel and await; what they raise is logged, not passed on."""
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, Exception):
            log.error("a task ended badly: %s", result, exc_info=result)
