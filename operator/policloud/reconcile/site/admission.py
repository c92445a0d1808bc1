"""Is a template acceptable here? Asked once a version of it, of ourselves and of the site's API server (dry run)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from policloud.api import names
from policloud.domain.reasons import WorkloadReason
from policloud.ports import Body, Cluster, NotFoundError, RejectedError
from policloud.reconcile.site.capacity import own_units
from policloud.reconcile.site.children import probe
from policloud.reconcile.site.context import Site
from policloud.reconcile.site.specs import UnitSpec, WorkloadSpec, unit_spec
from policloud.reconcile.site.templates import TemplateConflictError, check, template_hash
from policloud.reconcile.site.workload_status import Stall

_NOWHERE: Body = {"metadata": {"name": "none", "namespace": ""}, "spec": {}}


@dataclass(frozen=True, slots=True)
class _Judged:
    template: str
    stall: Stall | None
    at: float


class Admission:
    """Remembers verdicts in memory: after a restart each template is asked about once more, which changes nothing."""

    def __init__(self, site: Site, identity: Callable[[WorkloadSpec], Cluster]) -> None:
        self._site = site
        self._identity = identity
        self._judged: dict[str, _Judged] = {}

    def admitted(self, workload: WorkloadSpec) -> bool:
        """Whether this version of the template was accepted."""
        known = self._judged.get(workload.uid)
        return known is not None and known.template == template_hash(workload) and known.stall is None

    def forget(self, uid: str) -> None:
        self._judged.pop(uid, None)

    def refuse(self, workload: WorkloadSpec, stall: Stall) -> None:
        """The real write was refused after the dry run had passed."""
        self._judged[workload.uid] = _Judged(template_hash(workload), stall, self._site.clock.monotonic())

    async def judge(self, workload: WorkloadSpec) -> Stall | None:
        """None if accepted. A refusal is asked about again after `timing.recheck`: policies and CRDs come and go."""
        now, template = self._site.clock.monotonic(), template_hash(workload)
        known = self._judged.get(workload.uid)
        if known is not None and known.template == template:
            fresh = known.stall is None or now - known.at < self._site.timing.recheck
            if fresh:
                return known.stall
        stall = await self._ask(workload)
        self._judged[workload.uid] = _Judged(template, stall, now)
        return stall

    async def _ask(self, workload: WorkloadSpec) -> Stall | None:
        try:
            check(workload)
        except TemplateConflictError as error:
            return Stall(WorkloadReason.TEMPLATE_CONFLICT, str(error))
        child = probe(workload, self._some_unit())
        try:
            await self._identity(workload).apply(child.resource, child.body, manager=names.SITE_MANAGER, dry_run=True)
        except RejectedError as error:
            return refusal(child.resource.kind, error)
        except NotFoundError as error:
            if not error.missing_kind:
                raise
            return not_served(child.resource.kind, child.resource.group)
        return None

    def _some_unit(self) -> UnitSpec:
        units = own_units(self._site.store)
        return units[0] if units else unit_spec(_NOWHERE)


def refusal(kind: str, error: RejectedError) -> Stall:
    return Stall(
        WorkloadReason.TEMPLATE_REFUSED,
        f"the site's API server refuses the {kind} made from the template: {error.message}; correct the template",
    )


def not_served(kind: str, group: str) -> Stall:
    return Stall(
        WorkloadReason.KIND_NOT_SERVED,
        f"this site does not serve {kind} ({group}): install it there, or use another class of workload",
    )
