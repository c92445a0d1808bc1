"""Ready, Placed, Reconciling and Stalled of a SovereignWorkload. Pure; kstatus-correct."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from policloud.domain.conditions import Condition
from policloud.domain.reasons import WorkloadReason
from policloud.reconcile.site.observed import Observed
from policloud.reconcile.site.placements import DRAINING, Placement
from policloud.reconcile.site.specs import BATCH, INFERENCE, WorkloadSpec

_WORKING = frozenset(
    {WorkloadReason.STARTING, WorkloadReason.PENDING_EVALUATION, WorkloadReason.DRAINING, WorkloadReason.LAW_BROKEN}
)


class Stalled(Protocol):
    """A user error: reason and message."""

    @property
    def reason(self) -> WorkloadReason: ...

    @property
    def message(self) -> str: ...


def workload_conditions(
    workload: WorkloadSpec,
    placed: Sequence[Placement],
    observed: Observed,
    verdict: Condition,
    stall: Stalled | None,
) -> list[Condition]:
    """All four, from the first visit on. `verdict` is the planner's word: Placed, with what is being waited for."""
    failed = observed.failed is not None
    ready = _ready(workload, placed, observed, verdict, stall)
    working = ready.reason in _WORKING
    if stall is not None:
        stalled = Condition("Stalled", "True", str(stall.reason), stall.message)
    elif failed:
        stalled = Condition("Stalled", "True", str(WorkloadReason.FAILED), observed.failed or "")
    else:
        stalled = Condition("Stalled", "False", "Progressing")
    return [
        ready,
        _placed(workload, placed, verdict),
        Condition(
            "Reconciling",
            "True" if working and not stalled.is_true else "False",
            ready.reason if working and not stalled.is_true else "Settled",
        ),
        stalled,
    ]


def _placed(workload: WorkloadSpec, placed: Sequence[Placement], verdict: Condition) -> Condition:
    granted = sum(p.replicas for p in placed)
    if verdict.is_true and granted and granted < workload.replicas and workload.kind == INFERENCE:
        return Condition("Placed", "True", "PartlyPlaced", f"{granted} of {workload.replicas} replicas have a place")
    return verdict


def _ready(
    workload: WorkloadSpec,
    placed: Sequence[Placement],
    observed: Observed,
    verdict: Condition,
    stall: Stalled | None,
) -> Condition:
    if stall is not None:
        return Condition("Ready", "False", str(stall.reason), stall.message)
    if observed.completed:
        return Condition("Ready", "True", str(WorkloadReason.COMPLETED), "")
    if observed.failed is not None:
        return Condition("Ready", "False", str(WorkloadReason.FAILED), observed.failed)
    return _waiting(workload, placed, verdict) or _running(workload, placed, observed)


def _waiting(workload: WorkloadSpec, placed: Sequence[Placement], verdict: Condition) -> Condition | None:
    """For a place, or for the end of its notice; None if it has what it asked for."""
    if any(p.state == DRAINING for p in placed) and verdict.reason in {"LawBroken", "Draining"}:
        return Condition("Ready", "False", verdict.reason, verdict.message)
    ready = sum(p.ready for p in placed)
    # A batch makes progress with any number of pods; a service is Ready with all that were asked for.
    if verdict.reason in {"Placed", "Completed"} or (workload.kind == BATCH and ready):
        return None
    return Condition("Ready", "False", verdict.reason, _partly(workload, ready, verdict.message))


def _running(workload: WorkloadSpec, placed: Sequence[Placement], observed: Observed) -> Condition:
    ready, granted = sum(p.ready for p in placed), sum(p.replicas for p in placed)
    if workload.replicas == 0 and not granted:
        return Condition("Ready", "True", str(WorkloadReason.RUNNING), "no replica is asked for")
    wanted = min(1, granted) if workload.kind == BATCH else workload.replicas
    if granted and (ready >= wanted or _between_waves(observed)):
        return Condition("Ready", "True", str(WorkloadReason.RUNNING), "")
    trouble = f": {observed.trouble}" if observed.trouble else ""
    return Condition(
        "Ready", "False", str(WorkloadReason.STARTING), f"{ready} of {granted} granted replicas are ready{trouble}"
    )


def _between_waves(observed: Observed) -> bool:
    """The pods of a Job often end together: for a moment none is ready, and nothing is wrong."""
    return observed.batch is not None and observed.batch.succeeded > 0 and observed.batch.active > 0


def _partly(workload: WorkloadSpec, ready: int, message: str) -> str:
    if not ready or " replicas run (minimum " in message:
        return message
    return f"{ready} of {workload.replicas} replicas run (minimum {workload.min_replicas}). {message}"
