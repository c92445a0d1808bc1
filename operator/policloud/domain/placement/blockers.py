"""One reason against one unit, and what kind of no it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from policloud.domain.placement.model import UnitVerdict, UnitView
from policloud.domain.reasons import Reason, Verdict

RANK: Final = {reason: rank for rank, reason in enumerate(Reason)}
_LAST_OF_LAW: Final = RANK[Reason.FACT_UNKNOWN]
_LAST_OF_MACHINE: Final = RANK[Reason.STORAGE_MISSING]


@dataclass(frozen=True, slots=True)
class Blocker:
    """Why a unit does not take a workload. `shortfall`: what is missing as a share of what is required."""

    reason: Reason
    measured: str
    required: str
    margin: str = ""
    earliest: datetime | None = None
    shortfall: float | None = None


def is_law(reason: Reason) -> bool:
    """Whether the reason is a rule of sovereignty."""
    return RANK[reason] <= _LAST_OF_LAW


def verdict_of(reason: Reason) -> Verdict:
    """Never: only an edit of workload or unit helps. NotNow: time may."""
    never = RANK[reason] <= _LAST_OF_MACHINE or reason is Reason.DEADLINE_UNREACHABLE
    return Verdict.NEVER if never else Verdict.NOT_NOW


def first(blockers: tuple[Blocker, ...]) -> Blocker:
    """The one that is shown: the first in the order of Reason."""
    return min(blockers, key=lambda b: RANK[b.reason])


def as_verdict(unit: UnitView, blocker: Blocker) -> UnitVerdict:
    """The line a tenant reads."""
    return UnitVerdict(
        site=unit.site,
        unit=unit.unit,
        verdict=verdict_of(blocker.reason),
        reason=blocker.reason,
        measured=blocker.measured,
        required=blocker.required,
        margin=blocker.margin,
        earliest=blocker.earliest,
        shortfall=blocker.shortfall,
    )
