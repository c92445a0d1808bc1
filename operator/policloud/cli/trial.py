"""The dry run of a placement: one GPU for anybody, planned against the units as they are, and thrown away."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from policloud.api.resources import POLICLOUD_UNIT, SITE_MEMBERSHIP, SOVEREIGN_WORKLOAD, WORK_OFFER, Resource
from policloud.api.rights import Role
from policloud.cli.checks import Finding, Level
from policloud.cli.common import Session
from policloud.cli.fleet import Fleet, gather, is_published
from policloud.cli.planning import solve
from policloud.cli.render.reasons import meaning
from policloud.domain.placement.model import UnitVerdict
from policloud.ports import Body

TITLE: Final = "Placement"
_NEEDED: Final[dict[Role, tuple[Resource, ...]]] = {
    "hub": (POLICLOUD_UNIT, SITE_MEMBERSHIP, WORK_OFFER),
    "site": (POLICLOUD_UNIT,),
}
_WHY: Final[dict[Role, str]] = {
    "hub": "policloud plan -f FILE tells every unit's reason; a site joins by: policloud hub invite NAME",
    "site": "policloud plan -f FILE tells every unit's reason; units are PolicloudUnits, as in samples/fleet",
}


def small_workload() -> Body:
    """No law, no wish, one GPU: runs wherever anything does."""
    return {
        "apiVersion": SOVEREIGN_WORKLOAD.api_version,
        "kind": SOVEREIGN_WORKLOAD.kind,
        "metadata": {"name": "verification", "namespace": "policloud-verification"},
        "spec": {"class": "Inference", "inference": {"replicas": 1}, "gpu": {"perReplica": 1}},
    }


async def trial(session: Session, role: Role, *, require: bool) -> list[Finding]:
    """A hub plans on what sites published, a site on its own units. Not placed is a failure only if `require`d."""
    fleet = await gather(session.cluster)
    unread = [str(r) for r in _NEEDED[role] if str(r) in fleet.unreadable]
    if unread:
        fix = "this account needs the rights of the running process"
        return [Finding(TITLE, Level.FAIL, f"cannot be planned: {', '.join(unread)} cannot be read", fix)]
    seen = of_role(fleet, role)
    otherwise = Level.FAIL if require else Level.WARN
    whose = "published" if role == "hub" else "own"
    if not seen.units:
        return [Finding(TITLE, otherwise, f"planned without writing; there is no {whose} unit yet", _WHY[role])]
    asked, decision = solve(seen, [small_workload()], session.clock.now())
    made = decision.workloads[asked.workloads[0].uid]
    if made.assignments:
        where = made.assignments[0]
        text = f"one GPU would go to {where.unit} of {where.site}, of {len(seen.units)} {whose} units; nothing written"
        return [Finding(TITLE, Level.OK, text)]
    told = "; ".join(map(_words, made.verdicts[:3])) or "no reason given"
    return [
        Finding(TITLE, otherwise, f"one GPU would run on none of {len(seen.units)} {whose} units: {told}", _WHY[role])
    ]


def of_role(fleet: Fleet, role: Role) -> Fleet:
    """What that process plans on, also where hub and site share a cluster."""
    if role == "hub":
        return replace(fleet, units=tuple(u for u in fleet.units if is_published(u)))
    own = tuple(u for u in fleet.units if not is_published(u))
    return replace(fleet, units=own, memberships=(), offers=())


def _words(verdict: UnitVerdict) -> str:
    reason = verdict.reason or verdict.verdict
    return f"{verdict.unit} {reason}" + (f" ({meaning(reason)})" if meaning(reason) else "")
