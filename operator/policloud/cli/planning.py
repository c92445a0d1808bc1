"""The live fleet as a snapshot, and what the solver makes of it: for `plan` and for `why --all`. Writes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from policloud.api.convert.facts import facts_on_site
from policloud.api.convert.units import unit_view
from policloud.api.convert.workloads import workload_view
from policloud.cli.common import Session
from policloud.cli.fleet import Fleet, condition, gather, is_published, placements, site_of
from policloud.cli.hubview import hub_refusals, hub_units
from policloud.domain.placement.explain import summary
from policloud.domain.placement.model import Decision, Snapshot, UnitVerdict, UnitView, WorkloadDecision, WorkloadView
from policloud.domain.placement.solve import GreedySolver
from policloud.domain.reasons import Reason
from policloud.ports import Body
from policloud.reconcile.hub.snapshot import SHORT_OF_POWER


def snapshot(fleet: Fleet, workloads: Sequence[Body], now: datetime) -> Snapshot:
    """All units as they are, and just these workloads: what would become of them now."""
    own = tuple(_own_unit(u) for u in fleet.units if not is_published(u))
    units = own + (hub_units(fleet) if fleet.is_hub else ())
    return Snapshot(now=now, units=units, workloads=tuple(_workload(fleet, w, now) for w in workloads))


def _own_unit(unit: Body) -> UnitView:
    """A unit of this very cluster: the owner's word counts."""
    state, reason, message = condition(unit, "Ready")
    closed = Reason.UNIT_NOT_READY if state != "True" and reason != SHORT_OF_POWER else None
    detail = (message or reason or "not looked at yet") if closed else ""
    return unit_view(unit, site=site_of(unit), facts=facts_on_site(unit), closed=closed, closed_detail=detail)


def _workload(fleet: Fleet, workload: Body, now: datetime) -> WorkloadView:
    running: dict[str, int] = {}
    for p in placements(workload):
        running[str(p["unit"])] = running.get(str(p["unit"]), 0) + int(p.get("replicas") or 0)
    return workload_view(workload, now=now, running=running, refusals=hub_refusals(fleet, workload, now))


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
        "fits": summary(made.verdicts).fits,
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
