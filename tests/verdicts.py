"""Objects of ours in every state that GitOps tools have to tell apart, and what each tool has to make of it.

The conditions are made by the functions that the operators make them with, wherever these can be called alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from policloud.api.resources import POLICLOUD_UNIT, SITE_MEMBERSHIP, SOVEREIGN_WORKLOAD, Resource
from policloud.domain.conditions import Condition, merge
from policloud.domain.federation.liveness import Reach
from policloud.domain.federation.membership import MembershipState
from policloud.domain.federation.verdict import no_local_site
from policloud.domain.reasons import WorkloadReason
from policloud.reconcile.hub.membership_status import conditions_of
from policloud.reconcile.site.observed import Observed
from policloud.reconcile.site.placements import Placement
from policloud.reconcile.site.specs import workload_spec
from policloud.reconcile.site.workload_conditions import workload_conditions
from policloud.reconcile.site.workload_status import Stall

CURRENT, IN_PROGRESS, FAILED = "Current", "InProgress", "Failed"
HEALTHY, PROGRESSING, SUSPENDED, DEGRADED = "Healthy", "Progressing", "Suspended", "Degraded"

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
        told = merge((), self.conditions, generation=seen, now="2026-01-01T00:00:00Z")
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
    restored = state.pop("restored", False)
    known = {"exists": True, "accepted": True, "joined": True, "reach": Reach.REACHABLE, **state}
    return conditions_of(MembershipState("rougeline", **known), {}, restored=restored)


def _unit(ready: Condition, *, working: bool = False, stalled: bool = False) -> list[Condition]:
    return [
        ready,
        Condition("Reconciling", "True" if working else "False", ready.reason if working else "UpToDate"),
        Condition("Stalled", "True" if stalled else "False", ready.reason if stalled else "Progressing", ready.message),
    ]


_UNREAD = Condition("Ready", "False", "SourcesNotRead")
_W, _M, _U, _R = SOVEREIGN_WORKLOAD, SITE_MEMBERSHIP, POLICLOUD_UNIT, WorkloadReason
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
    State("invited", _M, _site(joined=False), IN_PROGRESS, SUSPENDED),
    State("not accepted", _M, _site(accepted=False), IN_PROGRESS, SUSPENDED),
    State("paused", _M, _site(paused=True), IN_PROGRESS, SUSPENDED),
    State("silent", _M, _site(reach=Reach.UNREACHABLE), IN_PROGRESS, DEGRADED),
    State("not seen yet", _M, _site(reach=Reach.UNKNOWN), IN_PROGRESS, PROGRESSING),
    State("key removed", _M, _site(joined=False, was_joined=True), IN_PROGRESS, DEGRADED),
    State("hub restored", _M, _site(restored=True), IN_PROGRESS, DEGRADED),
    State("operating", _U, _unit(Condition("Ready", "True", "Operating")), CURRENT, HEALTHY),
    State(
        "meters not read",
        _U,
        _unit(Condition("Ready", "False", "SourcesNotRead"), working=True),
        IN_PROGRESS,
        PROGRESSING,
    ),
    State("no node", _U, _unit(Condition("Ready", "False", "NoNodeMatches")), IN_PROGRESS, DEGRADED),
    State("twin", _U, _unit(Condition("Ready", "False", "DuplicateName"), stalled=True), FAILED, DEGRADED),
)
