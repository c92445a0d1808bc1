"""Objects of ours in every state that GitOps tools have to tell apart, and what each tool has to make of it.

The conditions are made by the functions that the operators make them with, wherever these can be called alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from policloud.api.names import INVITED_ANNOTATION
from policloud.api.resources import (
    ENERGY_SOURCE,
    POLICLOUD_UNIT,
    SITE_MANDATE,
    SITE_MEMBERSHIP,
    SOVEREIGN_WORKLOAD,
    Resource,
)
from policloud.domain.conditions import Condition, merge
from policloud.domain.federation.liveness import Reach
from policloud.domain.federation.membership import MembershipState
from policloud.domain.federation.verdict import no_local_site
from policloud.domain.reasons import WorkloadReason
from policloud.reconcile.hub.membership_status import conditions_of, rfc3339
from policloud.reconcile.site.observed import Observed
from policloud.reconcile.site.placements import Placement
from policloud.reconcile.site.specs import workload_spec
from policloud.reconcile.site.workload_conditions import workload_conditions
from policloud.reconcile.site.workload_status import Stall

CURRENT, IN_PROGRESS, FAILED = "Current", "InProgress", "Failed"
HEALTHY, PROGRESSING, SUSPENDED, DEGRADED = "Healthy", "Progressing", "Suspended", "Degraded"

_NOW, _DAY = datetime(2026, 1, 1, tzinfo=UTC), timedelta(days=1)
_BODY = {
    "metadata": {"namespace": "lab", "name": "svc", "uid": "u1", "generation": 1},
    "spec": {"class": "Inference", "gpu": {"perReplica": 1}, "inference": {"replicas": 2, "template": {}}},
}


@dataclass(frozen=True, slots=True)
class State:
    """`kstatus` and `argo`: the verdicts asked for. `behind`: the spec has been edited since the status was written."""

    name: str
    resource: Resource
    conditions: Sequence[Condition]
    kstatus: str
    argo: str
    behind: bool = False

    def __str__(self) -> str:
        return f"{self.resource.kind} {self.name}"

    def status(self, generation: int) -> dict[str, Any]:
        seen = generation - 1 if self.behind else generation
        told = merge((), self.conditions, generation=seen, now=rfc3339(_NOW))
        return {"observedGeneration": seen, "conditions": told}


def _workload(verdict: Condition, *, ready: int = 0, stall: Stall | None = None, failed: str | None = None) -> Any:
    placed = (Placement("site", "unit-1", 2, "Running", ready),) if verdict.is_true else ()
    observed = Observed({"unit-1": ready}, failed=failed)
    return workload_conditions(workload_spec(_BODY), placed, observed, verdict, stall)


def _waits(reason: WorkloadReason) -> Any:
    return _workload(Condition("Placed", "False", str(reason), "as the planner says"))


_PLACED = Condition("Placed", "True", "Placed")
_STALL = Stall(WorkloadReason.TEMPLATE_CONFLICT, "the pod template sets nvidia.com/gpu: remove it")


def _site(**state: Any) -> Any:
    restored, invited = state.pop("restored", False), state.pop("invited", None)
    annotations = {INVITED_ANNOTATION: rfc3339(invited)} if invited else {}
    known = {"exists": True, "accepted": True, "joined": True, "reach": Reach.REACHABLE, **state}
    membership = {"metadata": {"annotations": annotations}}
    return conditions_of(MembershipState("rougeline", **known), membership, restored=restored, now=_NOW)


def _told(ready: Condition, *, working: bool = False, stalled: bool = False) -> list[Condition]:
    return [
        ready,
        Condition("Reconciling", "True" if working else "False", ready.reason if working else "UpToDate"),
        Condition("Stalled", "True" if stalled else "False", ready.reason if stalled else "Progressing", ready.message),
    ]


_UNREAD = Condition("Ready", "False", "SourcesNotRead")
_W, _M, _U, _R = SOVEREIGN_WORKLOAD, SITE_MEMBERSHIP, POLICLOUD_UNIT, WorkloadReason
_S, _L = ENERGY_SOURCE, SITE_MANDATE
STATES = (
    State("running", _W, _workload(_PLACED, ready=2), CURRENT, HEALTHY),
    State("running, edited since", _W, _workload(_PLACED, ready=2), IN_PROGRESS, PROGRESSING, behind=True),
    State("starting", _W, _workload(_PLACED, ready=1), IN_PROGRESS, PROGRESSING),
    State("failed for good", _W, _workload(_PLACED, failed="BackoffLimitExceeded"), FAILED, DEGRADED),
    State("template conflict", _W, _workload(_PLACED, stall=_STALL), FAILED, DEGRADED),
    State("local without a site", _W, no_local_site(), FAILED, DEGRADED),
    State("waiting for energy", _W, _waits(_R.WAITING_FOR_ENERGY), IN_PROGRESS, SUSPENDED),
    State("suspended", _W, _waits(_R.SUSPENDED), IN_PROGRESS, SUSPENDED),
    State("waiting for capacity", _W, _waits(_R.WAITING_FOR_CAPACITY), IN_PROGRESS, PROGRESSING),
    State("waiting for a site's answer", _W, _waits(_R.WAITING_FOR_SITE), IN_PROGRESS, PROGRESSING),
    State("draining", _W, _waits(_R.DRAINING), IN_PROGRESS, PROGRESSING),
    State("fits nowhere", _W, _waits(_R.NEVER_FITS), IN_PROGRESS, DEGRADED),
    State("allowed nowhere", _W, _waits(_R.NO_UNIT_ALLOWED), IN_PROGRESS, DEGRADED),
    State("site unreachable", _W, _waits(_R.SITE_UNREACHABLE), IN_PROGRESS, DEGRADED),
    State("joined and heard", _M, _site(), CURRENT, HEALTHY),
    State("not invited", _M, _site(joined=False), IN_PROGRESS, SUSPENDED),
    State("invited", _M, _site(joined=False, invited=_NOW + _DAY), IN_PROGRESS, SUSPENDED),
    State("invited too long ago", _M, _site(joined=False, invited=_NOW - _DAY), IN_PROGRESS, DEGRADED),
    State("not accepted", _M, _site(accepted=False), IN_PROGRESS, SUSPENDED),
    State("paused", _M, _site(paused=True), IN_PROGRESS, SUSPENDED),
    State("silent", _M, _site(reach=Reach.UNREACHABLE), IN_PROGRESS, DEGRADED),
    State("not seen yet", _M, _site(reach=Reach.UNKNOWN), IN_PROGRESS, PROGRESSING),
    State("key removed", _M, _site(joined=False, was_joined=True), IN_PROGRESS, DEGRADED),
    State("hub restored", _M, _site(restored=True), IN_PROGRESS, DEGRADED),
    State("operating", _U, _told(Condition("Ready", "True", "Operating")), CURRENT, HEALTHY),
    State(
        "meters not read",
        _U,
        _told(Condition("Ready", "False", "SourcesNotRead"), working=True),
        IN_PROGRESS,
        PROGRESSING,
    ),
    State("no node", _U, _told(Condition("Ready", "False", "NoNodeMatches")), IN_PROGRESS, DEGRADED),
    State("twin", _U, _told(Condition("Ready", "False", "DuplicateName"), stalled=True), FAILED, DEGRADED),
    State("metered", _S, _told(Condition("Ready", "True", "Metered")), CURRENT, HEALTHY),
    State("never read", _S, _told(Condition("Ready", "False", "NeverRead")), IN_PROGRESS, PROGRESSING),
    State("a moment late", _S, _told(Condition("Ready", "False", "Stale")), IN_PROGRESS, PROGRESSING),
    State("dead meter", _S, _told(Condition("Ready", "False", "Dead")), IN_PROGRESS, DEGRADED),
    State("no such provider", _S, _told(Condition("Ready", "False", "ProviderNotServed")), IN_PROGRESS, DEGRADED),
    State("retiring", _S, _told(Condition("Ready", "False", "Retiring"), working=True), IN_PROGRESS, PROGRESSING),
    State("in force", _L, _told(Condition("Ready", "True", "InForce")), CURRENT, HEALTHY),
    State("for nobody", _L, _told(Condition("Ready", "False", "NoTenants")), IN_PROGRESS, SUSPENDED),
)
