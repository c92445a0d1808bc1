"""What the site's units hold, draw and can still take: derived from bodies each time, never counted along.

Everything that may draw power counts: grants in `status.placements`, promises to hubs that no object carries yet,
pods bound to nodes (also those being deleted), and foreign pods with GPUs. A node counts until its object is gone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from policloud.api import resources
from policloud.domain.power.headroom import (
    Claim,
    Headroom,
    NodeDraw,
    PoolDraw,
    UnitPower,
    closed_nodes,
    full_watts,
    headroom,
    split,
)
from policloud.ports import Body
from policloud.reconcile.site.book import SourceBook, SourceState
from policloud.reconcile.site.holdings import Capacity, Holding, PoolState, Promise, UnitState
from policloud.reconcile.site.nodes import BoundPod, Claimed, Claims, bound_pod, claim
from policloud.reconcile.site.placements import offer_ref, placements
from policloud.reconcile.site.specs import PoolSpec, UnitSpec, WorkloadSpec, matches, unit_spec, workload_spec
from policloud.runtime.store import Key, Store


def own_units(store: Store) -> list[UnitSpec]:
    """This site's units (not the published copies a hub keeps of others'); of equal names the first counts."""
    bodies = [b for b in store.list(str(resources.POLICLOUD_UNIT)) if not (b.get("spec") or {}).get("published")]
    first: dict[str, UnitSpec] = {}
    for spec in sorted((unit_spec(b) for b in bodies), key=lambda u: u.key):
        first.setdefault(spec.name, spec)
    return [*first.values()]


_KINDS = (
    resources.POLICLOUD_UNIT,
    resources.ENERGY_SOURCE,
    resources.SOVEREIGN_WORKLOAD,
    resources.NODE,
    resources.POD,
    resources.NAMESPACE,
)


class CapacityReader:
    """Derives capacity from the store. Hold the site's decision lock from `read` to the write that uses it.

    What was derived is kept until an object of a kind that it depends on, a reading or a promise changes.
    """

    def __init__(
        self,
        store: Store,
        book: SourceBook,
        *,
        ours: Callable[[Body], bool],
        promises: Callable[[], Iterable[Promise]] = tuple,
    ) -> None:
        self._store = store
        self._book = book
        self._ours = ours
        self.promises = promises
        self._kept: tuple[int, tuple[Promise, ...], Capacity] | None = None
        for resource in _KINDS:
            store.subscribe(str(resource), self._drop)

    def _drop(self, _: Body) -> None:
        self._kept = None

    def read(self, *, without: Collection[Key] = ()) -> Capacity:
        """Capacity as if the workloads in `without` held nothing (to decide afresh what one may hold)."""
        promised = tuple(self.promises())
        if without:
            return self._derive(promised, without)
        if self._kept is None or self._kept[:2] != (self._book.revision, promised):
            self._kept = (self._book.revision, promised, self._derive(promised, ()))
        return self._kept[2]

    def _derive(self, promised: Sequence[Promise], without: Collection[Key]) -> Capacity:
        units = own_units(self._store)
        claims = claim(units, self._store.list(str(resources.NODE)))
        shares = self._shares(units)
        pods = [p for b in self._store.list(str(resources.POD)) if (p := bound_pod(b)) and p.workload not in without]
        grants = self._grants(promised, without)
        return Capacity(
            {u.name: self._unit(u, claims, shares, pods, grants.get(u.name, {})) for u in units}, claims.contested
        )

    def workloads(self) -> list[WorkloadSpec]:
        """The SovereignWorkloads that this site reconciles."""
        return [workload_spec(b) for b in self._store.list(str(resources.SOVEREIGN_WORKLOAD)) if self._ours(b)]

    def source(self, unit: UnitSpec, name: str) -> SourceState | None:
        return self._book.get((unit.key[0], name))

    def _shares(self, units: Sequence[UnitSpec]) -> dict[str, dict[str, int]]:
        """By unit name; units share a source only inside one namespace, so each namespace is split on its own."""
        result: dict[str, dict[str, int]] = {}
        for namespace in {u.key[0] for u in units}:
            users = [u for u in units if u.key[0] == namespace]
            named = {s for u in users for s in u.sources}
            available = {
                s: 0 if state.retiring else state.available_watts
                for s in named
                if (state := self._book.get((namespace, s))) is not None
            }
            claims = [Claim(u.name, u.limit_watts, {s: u.percents.get(s) for s in u.sources}) for u in users]
            result |= split(available, claims)
        return result

    def _grants(self, promised: Iterable[Promise], without: Collection[Key]) -> dict[str, dict[Key, _Grant]]:
        """By unit, then by workload: what it was granted there, promises included."""
        grants: dict[str, dict[Key, _Grant]] = {}
        seen: dict[Key, int] = {}
        for spec in self.workloads():
            if spec.key in without:
                continue
            ref = offer_ref(spec.body)
            placed = placements(spec.body)
            if ref is not None and placed:
                seen[spec.key] = ref.sequence
            for p in placed:
                gpus = p.replicas * spec.gpus_per_replica
                grants.setdefault(p.unit, {})[spec.key] = _Grant(
                    spec, p.replicas, gpus, p.state, federated=ref is not None
                )
        for promise in promised:
            if promise.workload in without or seen.get(promise.workload, -1) >= promise.sequence:
                continue
            known = grants.setdefault(promise.unit, {})
            held = known.get(promise.workload)
            if held is None or held.gpus < promise.gpus:
                known[promise.workload] = _Grant(
                    held.spec if held else None,
                    promise.replicas,
                    promise.gpus,
                    "",
                    federated=True,
                    products=promise.products,
                )
        return grants

    def _unit(
        self,
        unit: UnitSpec,
        claims: Claims,
        shares: Mapping[str, Mapping[str, int]],
        pods: Sequence[BoundPod],
        grants: Mapping[Key, _Grant],
    ) -> UnitState:
        nodes = claims.of(unit.name)
        closed = _closed(unit, nodes)
        by_name = {n.name: n for n in nodes}
        bound = [p for p in pods if p.node in by_name]
        foreign = [p for p in bound if p.workload is None]
        # Pods of a workload that has no grant here any more still draw: they count as a holding without replicas.
        keys = {*grants, *(p.workload for p in bound if p.workload is not None)}
        pods_of = _grouped(bound, lambda p: p.workload)
        holdings = tuple(_holding(unit, k, grants.get(k), pods_of.get(k, ()), by_name) for k in sorted(keys))
        free = _free(unit, [n for n in nodes if n.name not in closed], bound, holdings, grants)
        pools = tuple(_pool_state(p, nodes, bound, free) for p in unit.pools)
        unread, unknown = self._missing(unit)
        built = _power(unit, pools, sum(shares.get(unit.name, {}).values()))
        foreign_watts = sum(by_name[p.node].pool.gpu_max_watts * p.gpus for p in foreign)
        gpu_watts = sum(h.gpu_watts for h in holdings) + foreign_watts
        idle = headroom(built)
        return UnitState(
            spec=unit,
            pools=pools,
            holdings=holdings,
            foreign_gpus=sum(p.gpus for p in foreign),
            foreign_watts=foreign_watts,
            source_watts=built.source_watts,
            power=None if unread else Headroom(idle.available, idle.base, idle.base + gpu_watts),
            total_gpu_watts=full_watts(unit.limit_watts, unit.margin_percent, built),
            unread=unread,
            unknown=unknown,
            nodes=nodes,
            closed=closed,
        )

    def _missing(self, unit: UnitSpec) -> tuple[tuple[str, ...], tuple[str, ...]]:
        kind, namespace = str(resources.ENERGY_SOURCE), unit.key[0]
        there = {s for s in unit.sources if self._store.get(kind, (namespace, s)) is not None}
        unread = tuple(s for s in unit.sources if s in there and self._book.get((namespace, s)) is None)
        return unread, tuple(s for s in unit.sources if s not in there)


@dataclass(frozen=True, slots=True)
class _Grant:
    spec: WorkloadSpec | None  # None: promised, the object is not there yet
    replicas: int
    gpus: int
    state: str
    federated: bool
    products: frozenset[str] = frozenset()

    def accepted(self, unit: UnitSpec) -> tuple[PoolSpec, ...]:
        if self.spec is not None:
            return unit.accepts(self.spec)
        return tuple(p for p in unit.pools if not self.products or p.product in self.products)


def _grouped(pods: Iterable[BoundPod], by: Callable[[BoundPod], Key | str | None]) -> dict[Any, list[BoundPod]]:
    groups: dict[Any, list[BoundPod]] = {}
    for pod in pods:
        groups.setdefault(by(pod), []).append(pod)
    return groups


def _holding(
    unit: UnitSpec, key: Key, grant: _Grant | None, mine: Sequence[BoundPod], nodes: Mapping[str, Claimed]
) -> Holding:
    held = Holding(
        workload=key,
        federated=grant.federated if grant else False,
        replicas=grant.replicas if grant else 0,
        granted_gpus=grant.gpus if grant else 0,
        bound_gpus=sum(p.gpus for p in mine),
        leaving_gpus=sum(p.gpus for p in mine if p.leaving),
        gpu_watts=0,
        state=grant.state if grant else "",
    )
    worst = max((p.gpu_max_watts for p in grant.accepted(unit)), default=0) if grant else 0

    def watts(pods: Iterable[BoundPod]) -> int:
        return sum(nodes[p.node].pool.gpu_max_watts * p.gpus for p in pods)

    unbound = held.unbound_gpus * worst
    return replace(
        held,
        gpu_watts=watts(mine) + unbound,
        live_watts=watts(p for p in mine if not p.leaving) + unbound,
        stuck_watts=watts(p for p in mine if p.leaving and not nodes[p.node].ready),
    )


def _free(
    unit: UnitSpec,
    nodes: Sequence[Claimed],
    bound: Sequence[BoundPod],
    holdings: Sequence[Holding],
    grants: Mapping[Key, _Grant],
) -> dict[str, int]:
    """Free GPUs of each node that takes work, after room was kept for what is granted but not bound yet."""
    on = _grouped(bound, lambda p: p.node)
    free = {
        n.name: max(0, n.allocatable_gpus - sum(p.gpus for p in on.get(n.name, ()))) for n in nodes if n.schedulable
    }
    pool_of = {n.name: n.pool.name for n in nodes}
    for holding in holdings:
        grant = grants.get(holding.workload)
        if grant is None or not holding.unbound_gpus:
            continue
        accepted = {p.name for p in grant.accepted(unit)}
        size = grant.gpus // grant.replicas if grant.replicas else 1
        _reserve(free, [n for n in free if pool_of[n] in accepted], holding.unbound_gpus, max(1, size))
    return free


def _reserve(free: dict[str, int], nodes: Sequence[str], gpus: int, size: int) -> None:
    """Best fit, replica by replica; what fits nowhere is left out here, its power counts all the same."""
    while gpus > 0:
        fitting = [n for n in nodes if free[n] >= size]
        if not fitting:
            return
        free[min(fitting, key=lambda n: (free[n], n))] -= size
        gpus -= size


def _pool_state(
    pool: PoolSpec, nodes: Sequence[Claimed], bound: Sequence[BoundPod], free: Mapping[str, int]
) -> PoolState:
    mine = [n for n in nodes if n.pool.name == pool.name]
    here = {n.name for n in mine}
    return PoolState(
        spec=pool,
        nodes=len(mine),
        ready_nodes=sum(n.ready for n in mine),
        gpus=sum(n.gpus for n in mine),
        ready_gpus=sum(n.allocatable_gpus for n in mine if n.ready),
        used_gpus=sum(p.gpus for p in bound if p.node in here),
        free_by_node={n: f for n, f in free.items() if n in here},
    )


def _power(unit: UnitSpec, pools: Iterable[PoolState], source_watts: int) -> UnitPower:
    return UnitPower(
        limit_watts=unit.limit_watts,
        source_watts=source_watts,
        margin_percent=Decimal(unit.margin_percent),
        other_max_watts=unit.other_max_watts,
        cooling_watts=unit.cooling_watts,
        pools=tuple(PoolDraw(p.nodes, p.spec.host_max_watts, 0, p.spec.gpu_max_watts) for p in pools),
    )


def _closed(unit: UnitSpec, nodes: Sequence[Claimed]) -> frozenset[str]:
    closed: frozenset[str] = frozenset()
    for branch in unit.branches:
        on_it = [
            NodeDraw(n.name, n.pool.host_max_watts, max(n.gpus, n.pool.per_node) * n.pool.gpu_max_watts)
            for n in nodes
            if matches(branch.selector, n.body)
        ]
        closed |= closed_nodes(branch.limit_watts, unit.margin_percent, on_it)
    return closed
