"""Simulated plants: watts as a pure function of time. The same instant gives the same watts, in every process."""

from __future__ import annotations

import hashlib
import math
from bisect import bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime, time, tzinfo
from typing import Protocol


class Shape(Protocol):
    def watts(self, at: datetime) -> int:
        """At that instant (aware)."""
        ...


@dataclass(frozen=True, slots=True)
class Constant:
    level: int

    def watts(self, at: datetime) -> int:  # noqa: ARG002 - a constant does not look at the time
        return self.level


@dataclass(frozen=True, slots=True)
class TraceRow:
    """From this many seconds after the start on."""

    seconds: float
    watts: int


@dataclass(frozen=True, slots=True)
class Trace:
    """Steps: each row holds until the next one. Before the first row its value, after the last that one (or again)."""

    start: datetime
    rows: tuple[TraceRow, ...]  # ascending by seconds, at least one
    loop: bool = False

    def watts(self, at: datetime) -> int:
        elapsed = (at - self.start).total_seconds()
        first, last = self.rows[0].seconds, self.rows[-1].seconds
        if self.loop and last > first and elapsed > last:
            elapsed = first + (elapsed - first) % (last - first)
        index = bisect_right([r.seconds for r in self.rows], elapsed) - 1
        return self.rows[max(index, 0)].watts


@dataclass(frozen=True, slots=True)
class Wind:
    """A mean with slow random swings of ± variabilityPercent, smooth between knots `period` seconds apart."""

    mean: int
    variability_percent: int
    period: float
    seed: int

    def watts(self, at: datetime) -> int:
        position = at.timestamp() / max(self.period, 1.0)
        knot = math.floor(position)
        share = position - knot
        smooth = (1 - math.cos(math.pi * share)) / 2
        swing = self._noise(knot) * (1 - smooth) + self._noise(knot + 1) * smooth
        return max(0, round(self.mean * (1 + self.variability_percent / 100 * swing)))

    def _noise(self, knot: int) -> float:
        """Between -1 and 1, from the seed and the knot alone."""
        digest = hashlib.sha256(f"{self.seed}/{knot}".encode()).digest()
        return int.from_bytes(digest[:8], "big") / 2**63 - 1


@dataclass(frozen=True, slots=True)
class Solar:
    """Half a sine between sunrise and sunset, in the plant's time zone; nothing at night."""

    peak: int
    sunrise: time
    sunset: time
    zone: tzinfo = UTC

    def watts(self, at: datetime) -> int:
        local = at.astimezone(self.zone)
        rise = datetime.combine(local.date(), self.sunrise, self.zone)
        fall = datetime.combine(local.date(), self.sunset, self.zone)
        if not rise < local < fall:
            return 0
        return round(self.peak * math.sin(math.pi * ((local - rise) / (fall - rise))))
