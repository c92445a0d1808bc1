"""How far a reading may be trusted, and what a source may be counted on for while readings age.

Signs: Generation, SiteImport, Branch and IT count power flowing to the loads as positive; GridExchange counts import
as positive. Watts are integers.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Quality(StrEnum):
    """Worst last. Implausible readings are handled as stale ones: they stop raises, they do not cut power."""

    GOOD = "Good"
    STALE = "Stale"
    IMPLAUSIBLE = "Implausible"
    DEAD = "Dead"
    UNKNOWN = "Unknown"


_ORDER = {q: n for n, q in enumerate(Quality)}


class Quorum(StrEnum):
    """Any: one good meter is enough, the lowest counts. Median: more than half. All: every one."""

    ANY = "Any"
    MEDIAN = "Median"
    ALL = "All"


@dataclass(frozen=True, slots=True)
class Sample:
    watts: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Plausible:
    """What a meter of this plant can possibly say. None: no bound on that side."""

    min_watts: int | None = None
    max_watts: int | None = None
    max_ramp_watts_per_second: int | None = None

    def admits(self, sample: Sample, before: Sample | None) -> bool:
        """Within the range, and reached from the last accepted sample without leaping."""
        if self.min_watts is not None and sample.watts < self.min_watts:
            return False
        if self.max_watts is not None and sample.watts > self.max_watts:
            return False
        if self.max_ramp_watts_per_second is None or before is None:
            return True
        seconds = (sample.at - before.at).total_seconds()
        if seconds <= 0:
            return sample.watts == before.watts
        return abs(sample.watts - before.watts) <= self.max_ramp_watts_per_second * seconds


@dataclass(frozen=True, slots=True)
class Ageing:
    """After which age (seconds) a reading is stale, then dead."""

    stale_after: float
    dead_after: float

    def quality(self, sample: Sample | None, now: datetime) -> Quality:
        """Of the last accepted sample. None: nothing was ever read, which is dead. From the future: implausible."""
        if sample is None:
            return Quality.DEAD
        age = (now - sample.at).total_seconds()
        if age < -self.stale_after:
            return Quality.IMPLAUSIBLE
        if age > self.dead_after:
            return Quality.DEAD
        return Quality.STALE if age > self.stale_after else Quality.GOOD


@dataclass(frozen=True, slots=True)
class MeterState:
    """What is remembered of one meter. `accepted` is the last plausible sample; `held` what it counts as."""

    accepted: Sample | None = None
    quality: Quality = Quality.UNKNOWN
    watts: int = 0


def observe(
    state: MeterState, sample: Sample | None, plausible: Plausible, ageing: Ageing, now: datetime
) -> MeterState:
    """The next state after a read; `sample` is None if the meter did not answer.

    An implausible sample is not accepted: the last good one ages on, and what the meter counts as may fall but not
    rise. A range violation never enters, not even downwards; a leap does so downwards, since wind can drop.
    """
    if sample is None:
        quality = ageing.quality(state.accepted, now)
        return MeterState(state.accepted, quality, 0 if quality is Quality.DEAD else state.watts)
    if plausible.admits(sample, state.accepted):
        quality = ageing.quality(sample, now)
        counted = _counted(state, sample, quality)
        return MeterState(sample, quality, counted)
    quality = ageing.quality(state.accepted, now)
    if quality is Quality.DEAD:
        # Dead long enough: an honest meter after a long silence may have moved by any amount, so its range decides.
        if Plausible(plausible.min_watts, plausible.max_watts).admits(sample, None):
            quality = ageing.quality(sample, now)
            return MeterState(sample, quality, _counted(state, sample, quality))
        return MeterState(state.accepted, Quality.DEAD, 0)
    in_range = Plausible(plausible.min_watts, plausible.max_watts).admits(sample, None)
    lower = min(state.watts, sample.watts) if in_range else state.watts
    return MeterState(state.accepted, Quality.IMPLAUSIBLE, lower)


def _counted(state: MeterState, sample: Sample, quality: Quality) -> int:
    if quality is Quality.GOOD:
        return sample.watts
    if quality is Quality.DEAD:
        return 0
    return min(state.watts, sample.watts) if state.accepted is not None else 0


def combine(meters: Iterable[MeterState], quorum: Quorum) -> tuple[int, Quality]:
    """Watts and quality of one quantity from its meters; the caller passes meters of one quantity only.

    Without the quorum of good meters the result is the least that any living meter says, and its quality tells why;
    with no living meter it is 0 W and dead.
    """
    states = list(meters)
    good = sorted(m.watts for m in states if m.quality is Quality.GOOD)
    needed = {Quorum.ANY: 1, Quorum.MEDIAN: len(states) // 2 + 1, Quorum.ALL: len(states)}[quorum]
    if states and len(good) >= needed:
        # The lower median: with an even number the smaller of the two, power is never rounded up.
        return (good[(len(good) - 1) // 2] if quorum is Quorum.MEDIAN else good[0]), Quality.GOOD
    alive = [m for m in states if m.quality not in {Quality.DEAD, Quality.UNKNOWN}]
    if not alive:
        return 0, Quality.DEAD
    doubtful = [m.quality for m in alive if m.quality is not Quality.GOOD]
    worst = max(doubtful, key=_ORDER.__getitem__) if doubtful else Quality.STALE
    return min(m.watts for m in alive), worst


def worst(qualities: Iterable[Quality]) -> Quality:
    """The worst of several; Unknown if there is none."""
    return max(qualities, key=_ORDER.__getitem__, default=Quality.UNKNOWN)


def hold(previous: int | None, fresh: int, quality: Quality) -> int:
    """What may be counted on: good readings count as they are, doubtful ones may lower it but not raise it."""
    if quality is Quality.GOOD:
        return fresh
    if quality in {Quality.DEAD, Quality.UNKNOWN}:
        return min(fresh, previous) if previous is not None else fresh
    return min(fresh, previous) if previous is not None else 0
