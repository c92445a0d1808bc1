"""A scene: what is expected, what was found, how long it took. Conditions are waited for, never slept for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from policloud.ports import ApiError, Clock

POLL_SECONDS = 0.3

# Looks once. None: it holds. A text: what is seen instead.
Probe = Callable[[], Awaitable[str | None]]


@dataclass(frozen=True, slots=True)
class Check:
    """One clause of the expectation. `found` is empty when it held."""

    text: str
    ok: bool
    seconds: float
    found: str = ""

    def as_dict(self) -> dict[str, Any]:
        return {"check": self.text, "ok": self.ok, "seconds": round(self.seconds, 2), "found": self.found}


@dataclass(slots=True)
class Scene:
    """Collects checks while it is played; `listener` hears of each."""

    number: int
    title: str
    expectation: str
    clock: Clock
    listener: Callable[[Scene, Check], None] = lambda _scene, _check: None
    checks: list[Check] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def ok(self) -> bool:
        return bool(self.checks) and all(c.ok for c in self.checks)

    async def expect(self, text: str, probe: Probe, *, within: float = 30.0) -> bool:
        """Waits until the probe finds nothing to object to; records ✗ with its last objection at the deadline."""
        begun = self.clock.monotonic()
        found = await poll(probe, self.clock, within)
        return self.record(text, found, self.clock.monotonic() - begun)

    async def stays(self, text: str, probe: Probe, *, seconds: float) -> bool:
        """Records ✓ only if the probe objects to nothing during all of `seconds`."""
        begun = self.clock.monotonic()
        found = await persist(probe, self.clock, seconds)
        return self.record(text, found, self.clock.monotonic() - begun)

    def record(self, text: str, found: str | None, seconds: float = 0.0) -> bool:
        check = Check(text, found is None, seconds, found or "")
        self.checks.append(check)
        self.listener(self, check)
        return check.ok

    def not_played(self, text: str) -> None:
        """A part that this size of fleet cannot show; said, not counted."""
        self.notes.append(text)

    def as_dict(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "title": self.title,
            "expectation": self.expectation,
            "ok": self.ok,
            "seconds": round(self.seconds, 2),
            "checks": [c.as_dict() for c in self.checks],
            "notPlayed": list(self.notes),
        }


async def look(probe: Probe) -> str | None:
    """One look; an API server that does not answer is an objection like any other."""
    try:
        return await probe()
    except ApiError as error:
        return f"{type(error).__name__}: {error.message}"


async def poll(probe: Probe, clock: Clock, within: float) -> str | None:
    deadline = clock.monotonic() + within
    while True:
        found = await look(probe)
        if found is None or clock.monotonic() >= deadline:
            return found
        await clock.sleep(POLL_SECONDS)


async def persist(probe: Probe, clock: Clock, seconds: float) -> str | None:
    end = clock.monotonic() + seconds
    while clock.monotonic() < end:
        if (found := await look(probe)) is not None:
            return found
        await clock.sleep(POLL_SECONDS)
    return None


async def together(*checks: Awaitable[bool]) -> bool:
    """Independent waits at once: a scene lasts as long as its slowest check, not as their sum."""
    return all(await asyncio.gather(*checks))
