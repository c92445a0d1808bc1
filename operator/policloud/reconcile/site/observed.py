"""How the children of a workload are, from the store."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field

from policloud.api import names, resources
from policloud.api.resources import Resource
from policloud.ports import Body
from policloud.reconcile.site.children import COMPLETED_BEFORE, OWNED_KINDS
from policloud.reconcile.site.specs import BATCH, WorkloadSpec
from policloud.reconcile.site.templates import template_hash
from policloud.runtime.store import Store

OWNER_INDEX = "owner"


@dataclass(frozen=True, slots=True)
class BatchCounts:
    """Pods of a batch, over all Jobs it has had."""

    succeeded: int = 0
    failed: int = 0
    active: int = 0


@dataclass(frozen=True, slots=True)
class Observed:
    """Ready replicas by unit; for a batch its counts, whether it is over, and the Job's own words if it failed."""

    ready: Mapping[str, int] = field(default_factory=dict)
    batch: BatchCounts | None = None
    completed: bool = False
    failed: str | None = None
    trouble: str = ""  # what hinders pods, in Kubernetes' words


def add_indices(store: Store) -> None:
    """By UID of the controlling owner: call once, before anything is watched."""
    for resource in OWNED_KINDS:
        store.add_index(str(resource), OWNER_INDEX, _owners)


def _owners(body: Body) -> Iterable[Hashable]:
    return [o["uid"] for o in body["metadata"].get("ownerReferences") or () if o.get("controller")]


def owned(store: Store, resource: Resource, uid: str) -> list[Body]:
    return store.by_index(str(resource), OWNER_INDEX, uid)


def observe(store: Store, workload: WorkloadSpec) -> Observed:
    """Of a VirtualMachine and a Deployment readiness; of a Job also what it has achieved."""
    if workload.kind == BATCH:
        return _observe_batch(owned(store, resources.JOB, workload.uid), workload)
    ready: dict[str, int] = {}
    trouble = ""
    for body in owned(store, resources.DEPLOYMENT, workload.uid):
        status = body.get("status") or {}
        ready[_unit(body)] = int(status.get("readyReplicas", 0))
        trouble = trouble or _failure(status, "ReplicaFailure")
    for body in owned(store, resources.VIRTUAL_MACHINE, workload.uid):
        status = body.get("status") or {}
        ready[_unit(body)] = int(bool(status.get("ready")))
        trouble = trouble or _failure(status, "Failure")
    return Observed(ready, trouble=trouble)


def _observe_batch(jobs: list[Body], workload: WorkloadSpec) -> Observed:
    current = [j for j in jobs if j["metadata"]["name"].endswith(f"-{template_hash(workload)}")]
    # Live Jobs of this content count on from what was reported when the last one was taken away.
    before = max(
        (int((j["metadata"].get("annotations") or {}).get(COMPLETED_BEFORE, 0)) for j in current), default=None
    )
    if before is None:
        reported = (workload.body.get("status") or {}).get("batch") or {}
        same = (workload.body.get("status") or {}).get("observedGeneration") == workload.generation
        return Observed(
            batch=BatchCounts(int(reported.get("succeeded", 0)), int(reported.get("failed", 0)))
            if same
            else BatchCounts()
        )
    statuses = [j.get("status") or {} for j in current]
    succeeded = before + sum(int(s.get("succeeded", 0)) for s in statuses)
    counts = BatchCounts(
        succeeded, sum(int(s.get("failed", 0)) for s in statuses), sum(int(s.get("active", 0)) for s in statuses)
    )
    ready: dict[str, int] = {}
    for job, status in zip(current, statuses, strict=True):
        ready[_unit(job)] = ready.get(_unit(job), 0) + int(status.get("ready", 0) or 0)
    failed = next((m for s in statuses if (m := _failure(s, "Failed"))), None)
    completed = any(_true(s, "Complete") for s in statuses) or succeeded >= (workload.completions or 1)
    return Observed(ready, counts, completed=completed, failed=None if completed else failed)


def _unit(body: Body) -> str:
    return str((body["metadata"].get("labels") or {}).get(names.UNIT_LABEL, ""))


def _true(status: Body, type_: str) -> bool:
    return any(c.get("type") == type_ and c.get("status") == "True" for c in status.get("conditions") or ())


def _failure(status: Body, type_: str) -> str:
    """The message of that condition if it is true, else nothing."""
    for c in status.get("conditions") or ():
        if c.get("type") == type_ and c.get("status") == "True":
            return str(c.get("message") or c.get("reason") or type_)
    return ""
