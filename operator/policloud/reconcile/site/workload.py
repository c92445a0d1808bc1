"""SovereignWorkload: what its placements grant is made to run; what runs is made to say so in its status."""

from __future__ import annotations

from collections.abc import Callable

from policloud.api import names, resources
from policloud.api.resources import SOVEREIGN_WORKLOAD
from policloud.domain.reasons import WorkloadReason
from policloud.ports import Body, Cluster, ConflictError, NotFoundError, RejectedError
from policloud.reconcile.base import needs_write
from policloud.reconcile.site.admission import Admission, not_served, refusal
from policloud.reconcile.site.capacity import own_units
from policloud.reconcile.site.children import OWNED_KINDS, Child, children
from policloud.reconcile.site.context import Site
from policloud.reconcile.site.observed import Observed, observe, owned
from policloud.reconcile.site.placements import placements
from policloud.reconcile.site.specs import BATCH, WorkloadSpec, workload_spec
from policloud.reconcile.site.templates import workload_label
from policloud.reconcile.site.workload_status import Stall, StatusWriter
from policloud.runtime.outcome import Done, Outcome, RequeueAfter, Retry
from policloud.runtime.store import Key, key_of

_KIND = str(SOVEREIGN_WORKLOAD)


class _StallError(Exception):
    """The site cannot carry out this workload as written."""

    def __init__(self, stall: Stall) -> None:
        super().__init__(stall.message)
        self.stall = stall


class WorkloadReconciler:
    """One SovereignWorkload by key. Grants come from the planner alone; `replan` asks it for a round.

    `identity` gives the credentials under which a workload's children are written: restricted for federated work.
    """

    def __init__(
        self,
        site: Site,
        writer: StatusWriter,
        admission: Admission,
        *,
        ours: Callable[[Body], bool],
        identity: Callable[[WorkloadSpec], Cluster],
        replan: Callable[[], None],
    ) -> None:
        self._site = site
        self._writer = writer
        self._admission = admission
        self._ours = ours
        self._identity = identity
        self._replan = replan
        self._uids: dict[Key, str] = {}

    async def reconcile(self, key: Key) -> Outcome:
        body = self._site.store.get(_KIND, key)
        if body is None or not self._ours(body):
            if (uid := self._uids.pop(key, None)) is not None:
                self._admission.forget(uid)
                self._writer.forget(key, uid)
                self._replan()
            return Done()
        workload = workload_spec(body)
        self._uids[key] = workload.uid
        if workload.deleting:
            # Children go by their owner references; claims stay. Nothing of ours holds the object back.
            return Done()
        was_admitted = self._admission.admitted(workload)
        stall = await self._admission.judge(workload)
        if stall is None and not was_admitted:
            self._replan()
            if not placements(body):
                self._writer.stall(workload, None)
                return Done()  # the planner speaks next, and has more to say
        if stall is None:
            try:
                await self._carry_out(workload)
            except _StallError as error:
                stall = error.stall
                self._admission.refuse(workload, stall)
        self._writer.stall(workload, stall)
        try:
            stored = await self._writer.write(key)
        except ConflictError as error:
            return Retry(error.message)
        return self._next(stored, stall)

    def _next(self, stored: Body | None, stall: Stall | None) -> Outcome:
        if stored is None:
            return Done()
        if stall is not None:
            return RequeueAfter(self._site.timing.recheck, str(stall.reason))
        if (stored.get("status") or {}).get("readyReplicas"):
            return RequeueAfter(self._site.timing.usage, "usage")
        return Done()

    async def _carry_out(self, workload: WorkloadSpec) -> None:
        """Stops first, then starts: at no time more than both, and never more than granted for long."""
        observed = observe(self._site.store, workload)
        units = {u.name: u for u in own_units(self._site.store)}
        done = observed.batch.succeeded if observed.batch else 0
        wanted = children(workload, placements(workload.body), units, done=done)
        over = observed.completed or observed.failed is not None
        stale = [] if over else self._stale(workload, {(str(c.resource), c.key) for c in wanted})
        for resource, old in stale:
            await self._delete(workload, resource, old)
        if workload.kind == BATCH and not over and self._predecessor(workload, wanted):
            return  # its successor counts on from where it ended, so it must have ended
        for child in sorted(wanted, key=_starts):
            await self._apply(workload, child, observed)

    def _stale(self, workload: WorkloadSpec, wanted: set[tuple[str, Key]]) -> list[tuple[resources.Resource, Body]]:
        return [
            (resource, body)
            for resource in OWNED_KINDS
            for body in owned(self._site.store, resource, workload.uid)
            if (str(resource), key_of(body)) not in wanted and "deletionTimestamp" not in body["metadata"]
        ]

    def _predecessor(self, workload: WorkloadSpec, wanted: list[Child]) -> bool:
        keys = {c.key for c in wanted}
        return any(key_of(j) not in keys for j in owned(self._site.store, resources.JOB, workload.uid))

    async def _delete(self, workload: WorkloadSpec, resource: resources.Resource, body: Body) -> None:
        namespace, name = key_of(body)
        try:
            await self._identity(workload).delete(resource, namespace, name, uid=body["metadata"]["uid"])
        except (NotFoundError, ConflictError):
            return

    async def _apply(self, workload: WorkloadSpec, child: Child, observed: Observed) -> None:
        current = self._site.store.get(str(child.resource), child.key)
        if current is not None:
            self._check_owner(workload, child, current)
            if child.once:
                return
        cluster = self._identity(workload)
        try:
            if child.resource is resources.JOB and current is not None:
                await self._adjust_job(cluster, child, current, observed)
            elif needs_write(current, child.body, manager=names.SITE_MANAGER):
                await cluster.apply(child.resource, child.body, manager=names.SITE_MANAGER)
        except RejectedError as error:
            raise _StallError(refusal(child.resource.kind, error)) from error
        except NotFoundError as error:
            if not error.missing_kind:
                raise
            raise _StallError(not_served(child.resource.kind, child.resource.group)) from error

    def _check_owner(self, workload: WorkloadSpec, child: Child, current: Body) -> None:
        """Never take over what somebody else made under that name. A claim is known by its label."""
        meta = current["metadata"]
        if child.once:
            mine = (meta.get("labels") or {}).get(names.WORKLOAD_LABEL) == workload_label(workload.key[1])
        else:
            owners = meta.get("ownerReferences") or ()
            mine = any(o.get("uid") == workload.uid for o in owners)
            if not mine and any(
                o.get("kind") == SOVEREIGN_WORKLOAD.kind and o.get("name") == workload.key[1] for o in owners
            ):
                raise ConflictError(
                    f"{child.resource.kind} {child.key[1]} of the workload's predecessor is not gone yet"
                )
        if not mine:
            raise _StallError(
                Stall(
                    WorkloadReason.TEMPLATE_CONFLICT,
                    f"{child.resource.kind} {'/'.join(child.key)} exists and does not belong to this workload: "
                    "delete it, or apply the workload under another name",
                )
            )

    @staticmethod
    async def _adjust_job(cluster: Cluster, child: Child, current: Body, observed: Observed) -> None:
        """A Job's template cannot change while it lives; how many pods it may run can."""
        if observed.completed or observed.failed is not None:
            return
        live, spec = current.get("spec") or {}, child.body["spec"]
        wanted = {k: spec[k] for k in ("suspend", "parallelism")}
        if wanted["suspend"]:
            del wanted["parallelism"]
        if all(live.get(k, False) == v for k, v in wanted.items()):
            return
        namespace, name = child.key
        await cluster.merge_patch(child.resource, namespace, name, {"spec": wanted}, manager=names.SITE_MANAGER)


def _starts(child: Child) -> int:
    """Order of writing: what stops before what starts; claims, policies and services before the pods they serve."""
    if child.resource not in {resources.DEPLOYMENT, resources.JOB, resources.VIRTUAL_MACHINE}:
        return 0
    spec = child.body["spec"]
    stopped = spec.get("replicas") == 0 or spec.get("suspend") is True or spec.get("runStrategy") == "Halted"
    return 1 if stopped else 2
