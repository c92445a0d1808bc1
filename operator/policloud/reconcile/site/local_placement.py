"""Where the site's own work goes: the missing replicas of all workloads at once, on the site's own units."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal

from policloud.api import names, resources
from policloud.api.convert import facts_on_site, unit_view, workload_view
from policloud.domain.placement.model import Snapshot, UnitView, WorkloadView
from policloud.domain.power.shedding import raise_reserve
from policloud.domain.reasons import Reason, WorkloadReason
from policloud.ports import Solver
from policloud.reconcile.site import unit_status
from policloud.reconcile.site.context import Site
from policloud.reconcile.site.decisions import decision_status, waiting
from policloud.reconcile.site.draft import Draft, Entry, Why
from policloud.reconcile.site.holdings import UnitState
from policloud.reconcile.site.law import Law
from policloud.reconcile.site.placements import DRAINING, PENDING, SUSPENDED, Placement
from policloud.reconcile.site.specs import gpu_count

_QUOTA_KEYS = (f"requests.{names.GPU_RESOURCE}", f"limits.{names.GPU_RESOURCE}")


def view_of(site: Site, state: UnitState, *, reserve_watts: int = 0, shut: str | None = None) -> UnitView:
    """A unit as placement sees it: free GPUs and watts from what is counted now, less a reserve."""
    spec = state.spec
    sources = [(s, site.capacity.source(spec, s)) for s in spec.sources if s not in state.unknown]
    power = unit_status.power(state, sources, site.clock.now())
    if "freeWatts" in power:
        power["freeWatts"] = max(0, power["freeWatts"] - reserve_watts)
    status = {"pools": unit_status.pools(state), "power": power, "energy": unit_status.energy(state, sources, {})}
    if shut is None and spec.deleting:
        shut = "being deleted"
    if shut is None and state.power is None:
        shut = f"EnergySource {', '.join(state.unread)} not read yet"
    return unit_view(
        {**spec.body, "status": status},
        site=site.name,
        facts=facts_on_site(spec.body),
        closed=Reason.UNIT_NOT_READY if shut else None,
        closed_detail=shut or "",
    )


class LocalPlacement:
    """One round of placing. `admitted` says whether a workload's template has passed; others wait for that."""

    def __init__(self, site: Site, solver: Solver, law: Law, admitted: Callable[[Entry], bool]) -> None:
        self._site = site
        self._solver = solver
        self._law = law
        self._admitted = admitted

    def place(self, draft: Draft, short_for: Mapping[str, float]) -> None:
        """Adds replicas to the draft. `short_for`: unit -> seconds since it was last short of power."""
        wanting = [e for e in draft.entries.values() if self._wants(e)]
        if not wanting:
            return
        units = tuple(self._view(draft, state, short_for.get(name)) for name, state in draft.capacity.units.items())
        quotas = self._quotas(draft)
        views = [v for e in sorted(wanting, key=_importance) if (v := self._workload(draft, e, quotas)) is not None]
        decision = self._solver.solve(Snapshot(draft.now, units, tuple(views)))
        for entry in wanting:
            made = decision.workloads.get(entry.spec.uid)
            if made is None:
                continue
            for a in made.assignments:
                self._grant(draft, entry, a.unit, a.replicas)
            entry.decision = decision_status(made, decision.snapshot, draft.now)
            if made.unplaced:
                entry.why = entry.why or waiting(made, draft.now)

    def _wants(self, entry: Entry) -> bool:
        return entry.granted < wanted(entry) and self._admitted(entry) and not entry.spec.deleting

    def _view(self, draft: Draft, state: UnitState, short_for: float | None) -> UnitView:
        budget = state.power.available if state.power else 0
        hold = self._site.timing.hold
        reserve = raise_reserve(budget, short_for, hold)
        if reserve and short_for is not None:
            draft.wake_in(hold - short_for)
        return view_of(self._site, state, reserve_watts=reserve, shut=draft.shut.get(state.name))

    def _workload(self, draft: Draft, entry: Entry, quotas: dict[str, int]) -> WorkloadView | None:
        """None if the namespace's quota leaves nothing."""
        spec = entry.spec
        missing = allowed = wanted(entry) - entry.granted
        size = spec.gpus_per_replica
        if size and (left := quotas.get(spec.key[0])) is not None:
            allowed = min(missing, max(0, left) // size)
            if allowed < missing:
                entry.why = Why(
                    WorkloadReason.WAITING_FOR_CAPACITY,
                    f"the ResourceQuota of namespace {spec.key[0]} leaves {max(0, left)} GPUs, "
                    f"{missing * size} are needed: raise it or stop something there",
                )
            if not allowed or (allowed < missing and wanted(entry) - missing + allowed < spec.min_replicas):
                return None
            quotas[spec.key[0]] = left - allowed * size
        running = {u: p.replicas for u, p in entry.placed.items() if p.replicas and p.state != DRAINING}
        avoid = {u for u, p in entry.placed.items() if p.state == DRAINING}
        avoid |= {u for u, s in draft.capacity.units.items() if self._law.leaving(spec, s.spec, draft.now)}
        if entry.offer_unit is not None:
            avoid |= draft.capacity.units.keys() - {entry.offer_unit}
        done = entry.observed.batch.succeeded if entry.observed.batch else 0
        view = workload_view(spec.body, now=draft.now, running=running, avoid_units=avoid, done=done)
        if allowed < missing:
            view = replace(
                view, replicas=view.replicas - (missing - allowed), min_replicas=min(view.min_replicas, allowed)
            )
        return view

    def _grant(self, draft: Draft, entry: Entry, unit: str, replicas: int) -> None:
        old = entry.placed.get(unit)
        if old is None:
            offer = entry.before[0].offer if entry.before else None
            entry.placed[unit] = Placement(self._site.name, unit, replicas, PENDING, offer=offer, since=draft.stamp)
        else:
            state = PENDING if old.state == SUSPENDED else old.state
            entry.placed[unit] = old.to(old.replicas + replicas, state, draft.stamp)
        # A suspended place elsewhere is only a memory: once the work runs again it is not needed.
        if entry.offer_unit is None:
            for other in [u for u, p in entry.placed.items() if not p.replicas]:
                del entry.placed[other]

    def _quotas(self, draft: Draft) -> dict[str, int]:
        """Namespace -> GPUs that its ResourceQuotas leave, after what is granted there."""
        granted: dict[str, int] = {}
        for e in draft.entries.values():
            used = sum(p.replicas for p in e.placed.values()) * e.spec.gpus_per_replica
            granted[e.spec.key[0]] = granted.get(e.spec.key[0], 0) + used
        left: dict[str, int] = {}
        for body in self._site.store.list(str(resources.RESOURCE_QUOTA)):
            hard = (body.get("spec") or {}).get("hard") or {}
            namespace = body["metadata"]["namespace"]
            for key in _QUOTA_KEYS:
                if key in hard:
                    free = gpu_count(hard[key]) - granted.get(namespace, 0)
                    left[namespace] = min(left.get(namespace, free), free)
        return left


def wanted(entry: Entry) -> int:
    """Replicas that should run now: none of what is over, and of a batch never more than completions are left."""
    if entry.observed.completed or entry.observed.failed is not None:
        return 0
    replicas = entry.spec.replicas
    if entry.spec.completions is not None and entry.observed.batch is not None:
        replicas = min(replicas, max(0, entry.spec.completions - entry.observed.batch.succeeded))
    return replicas


def _importance(entry: Entry) -> tuple[Decimal, float, str]:
    return Decimal(-entry.spec.priority), entry.spec.created.timestamp(), entry.spec.uid
