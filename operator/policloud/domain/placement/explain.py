"""A decision about one workload in words: the counts, the nearest misses, one sentence, one reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from policloud.domain.placement.blockers import RANK
from policloud.domain.placement.model import UnitVerdict, WorkloadDecision, WorkloadView
from policloud.domain.placement.text import clock, count, watts
from policloud.domain.reasons import Reason, Verdict, WorkloadReason

NEAREST: Final = 20
NAMED: Final = 3
_ORDER: Final = {Verdict.FITS: 0, Verdict.NOT_NOW: 1, Verdict.NEVER: 2}
_LIMITS: Final = frozenset({Reason.PRICE_ABOVE_LIMIT, Reason.CARBON_ABOVE_LIMIT})
_REFUSED: Final = frozenset({Reason.REFUSED_BY_MANDATE, Reason.REFUSED_BY_SITE})


@dataclass(frozen=True, slots=True)
class Summary:
    """What `status.decision` keeps. `fits`: units that law and machine allow; `reasons`: units by reason."""

    fits: int
    of: int
    reasons: Mapping[str, int]
    units: tuple[UnitVerdict, ...]


def summary(verdicts: Iterable[UnitVerdict], *, limit: int = NEAREST) -> Summary:
    """Counts over all units and the `limit` nearest to fitting."""
    ranked = nearest(verdicts)
    reasons = Counter(v.reason.value for v in ranked if v.reason is not None)
    fits = sum(v.verdict is not Verdict.NEVER for v in ranked)
    return Summary(fits, len(ranked), dict(sorted(reasons.items())), tuple(ranked[:limit]))


def nearest(verdicts: Iterable[UnitVerdict]) -> list[UnitVerdict]:
    """Those that fit, then those that time may change, then the rest.

    Of those that fit the cheapest first; of the others those that came furthest down the list of reasons, then those
    that miss least.
    """

    def distance(v: UnitVerdict) -> tuple[int, float, float, str, str]:
        rank = 0 if v.reason is None else -RANK[v.reason]
        missing = v.score if v.verdict is Verdict.FITS else v.shortfall
        return (_ORDER[v.verdict], rank, float("inf") if missing is None else missing, v.site, v.unit)

    return sorted(verdicts, key=distance)


def waiting_reason(verdicts: Sequence[UnitVerdict]) -> WorkloadReason:
    """What a workload with unplaced replicas waits for; of several the one that time is likeliest to mend."""
    possible = {v.reason for v in verdicts if v.verdict is Verdict.NOT_NOW} - _LIMITS
    if Reason.INSUFFICIENT_POWER in possible:
        return WorkloadReason.WAITING_FOR_ENERGY
    if possible and possible <= _REFUSED:
        return WorkloadReason.REFUSED
    if possible == {Reason.UNIT_UNREACHABLE}:
        return WorkloadReason.SITE_UNREACHABLE
    if possible or any(v.verdict is Verdict.FITS for v in verdicts):
        return WorkloadReason.WAITING_FOR_CAPACITY
    too_large = any(v.reason is Reason.NEVER_FITS for v in verdicts)
    return WorkloadReason.NEVER_FITS if too_large else WorkloadReason.NO_UNIT_ALLOWED


def message(view: WorkloadView, decision: WorkloadDecision, now: datetime, *, running: int | None = None) -> str:
    """One line: how many run, how many units the law leaves, what each of the nearest lacks.

    `running`: replicas that really run, if that is not what `view.running` holds.
    """
    held = sum(view.running.values()) if running is None else running
    first = f"{held} of {count(view.replicas, 'replica')} " + ("runs" if view.replicas == 1 else "run")
    if 0 < view.min_replicas < view.replicas:
        first += f" (minimum {view.min_replicas})"
    return f"{first}. {units_line(decision, now)}."


def units_line(decision: WorkloadDecision, now: datetime) -> str:
    """How many units the law leaves and what the nearest lack; if it leaves none, what would change that."""
    open_ = [v for v in nearest(decision.verdicts) if v.verdict is not Verdict.NEVER]
    if open_:
        fit = "1 unit fits" if len(open_) == 1 else f"{len(open_)} units fit"
        named = ", ".join(phrase(v, now) for v in open_[:NAMED])
        more = f" and {len(open_) - NAMED} more" if len(open_) > NAMED else ""
        return f"{fit} by law; {named}{more}"
    said = _nothing_fits(decision.verdicts)
    return f"{said}. Smallest change: {decision.relaxations[0]}" if decision.relaxations else said


def phrase(v: UnitVerdict, now: datetime) -> str:
    """What one unit says: `cannes-1 is full`, `rougeline-1 lacks 1.4 kW until about 11:30`."""
    until = f" until about {clock(v.earliest, now)}" if v.earliest is not None else ""
    if v.reason is None:
        return f"{v.unit} has room"
    if v.reason is Reason.INSUFFICIENT_GPUS:
        return f"{v.unit} is full" if v.measured.startswith("0 ") else f"{v.unit} has only {v.measured}"
    if v.reason is Reason.INSUFFICIENT_POWER:
        return f"{v.unit} lacks {_lacking(v)}{until}" if v.margin else f"{v.unit} lacks power ({v.measured}){until}"
    if v.reason in _REFUSED:
        return f"{v.unit} refused: {v.measured}{until}"
    if v.reason is Reason.UNIT_UNREACHABLE:
        return f"{v.unit} is unreachable ({v.measured})"
    return f"{v.unit}: {v.reason.value} ({v.measured}; needed: {v.required})"


def _lacking(v: UnitVerdict) -> str:
    number = v.margin.removeprefix("-").removesuffix(" W")
    return watts(int(number)) if number.isdigit() else v.margin.removeprefix("-")


def _nothing_fits(verdicts: Sequence[UnitVerdict]) -> str:
    if not verdicts:
        return "There is no unit"
    reasons = Counter(v.reason.value for v in verdicts if v.reason is not None)
    listed = ", ".join(f"{reason} {n}" for reason, n in sorted(reasons.items(), key=lambda item: (-item[1], item[0])))
    best = nearest(verdicts)[0]
    return f"No unit of {len(verdicts)} fits: {listed}. Nearest: {best.unit} ({best.measured}; needed: {best.required})"
