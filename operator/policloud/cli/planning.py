"""The live fleet as a snapshot, and what the solver makes of it: for `plan` and for `why --all`. Writes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from policloud.api.convert.facts import facts_on_hub, facts_on_site
from policloud.api.convert.units import unit_view
from policloud.api.convert.workloads import workload_view
from policloud.cli.common import Session
from policloud.cli.fleet import Fleet, condition, gather, is_published, name, placements, site_of, spec
from policloud.domain.placement.model import Decision, Snapshot, UnitVerdict, UnitView, WorkloadDecision, WorkloadView
from policloud.domain.placement.solve import GreedySolver
from policloud.domain.reasons import Reason, Verdict
from policloud.ports import Body


def snapshot(fleet: Fleet, workloads: Sequence[Body], now: datetime) -> Snapshot:
    """All units as they are, and just these workloads: what would become of them now."""
    by_name = {name(m): m for m in fleet.memberships}
    units = tuple(_unit(u, by_name.get(site_of(u))) for u in fleet.units)
    return Snapshot(now=now, units=units, workloads=tuple(_workload(w, now) for w in workloads))


def _unit(unit: Body, membership: Body | None) -> UnitView:
    closed, detail = closed_for(unit, membership)
    facts = facts_on_hub(unit, membership) if is_published(unit) else facts_on_site(unit)
    return unit_view(unit, site=site_of(unit), facts=facts, closed=closed, closed_detail=detail)


def closed_for(unit: Body, membership: Body | None) -> tuple[Reason | None, str]:
    """Why a unit takes nothing at all, with what was seen."""
    if is_published(unit):
        if membership is None or not spec(membership).get("accepted"):
            return Reason.NOT_A_MEMBER, "no accepted SiteMembership"
        if spec(membership).get("paused"):
            return Reason.MEMBERSHIP_PAUSED, "paused"
        state, reason, _ = condition(membership, "Reachable")
        if state != "True":
            return Reason.UNIT_UNREACHABLE, reason or "not heard yet"
    state, reason, _ = condition(unit, "Ready")
    return (None, "") if state == "True" else (Reason.UNIT_NOT_READY, reason or "not looked at yet")


def _workload(workload: Body, now: datetime) -> WorkloadView:
    running: dict[str, int] = {}
    for p in placements(workload):
        running[str(p["unit"])] = running.get(str(p["unit"]), 0) + int(p.get("replicas") or 0)
    return workload_view(workload, now=now, running=running)


def solve(fleet: Fleet, workloads: Sequence[Body], now: datetime) -> tuple[Snapshot, Decision]:
    asked = snapshot(fleet, workloads, now)
    return asked, GreedySolver().solve(asked)


async def explain(session: Session, workload: Body) -> Mapping[str, Any] | None:
    """`status.decision` of a workload, complete and computed now; None if the cluster has no units."""
    fleet = await gather(session.cluster)
    if not fleet.units:
        return None
    now = session.clock.now()
    asked, decision = solve(fleet, [workload], now)
    return as_status(decision.workloads[asked.workloads[0].uid], decision.snapshot, now)


def as_status(made: WorkloadDecision, digest: str, now: datetime) -> dict[str, Any]:
    """In the shape of `status.decision`, with every unit."""
    reasons: dict[str, int] = {}
    for v in made.verdicts:
        if v.reason:
            reasons[str(v.reason)] = reasons.get(str(v.reason), 0) + 1
    return {
        "at": now.isoformat().replace("+00:00", "Z"),
        "snapshot": digest,
        "fits": sum(v.verdict is Verdict.FITS for v in made.verdicts),
        "of": len(made.verdicts),
        "reasons": reasons,
        "units": [verdict_document(v) for v in made.verdicts],
        "relaxations": list(made.relaxations),
    }


def verdict_document(v: UnitVerdict) -> dict[str, Any]:
    row: dict[str, Any] = {"site": v.site, "unit": v.unit, "verdict": str(v.verdict)}
    if v.reason:
        row |= {"reason": str(v.reason), "measured": v.measured, "required": v.required, "margin": v.margin}
    if v.earliest:
        row["earliest"] = v.earliest.isoformat().replace("+00:00", "Z")
    return row


def per_hour(unit: UnitView, watts: int) -> tuple[Decimal | None, int | None]:
    """(energy cost an hour in the unit's currency, grams CO2e an hour) of so many watts there, at its feed."""
    kilowatts = Decimal(watts) / 1000
    cost = None if unit.price_per_kwh is None else (unit.price_per_kwh * kilowatts).quantize(Decimal("0.001"))
    grams = None if unit.grams_per_kwh is None else round(unit.grams_per_kwh * kilowatts)
    return cost, grams
