"""When power or GPUs no longer carry what was granted: least important work first, nothing more than needed."""

from __future__ import annotations

from collections.abc import Mapping

from policloud.domain.power.shedding import Load, plan
from policloud.domain.reasons import WorkloadReason
from policloud.reconcile.site.draft import Draft, Entry, Why
from policloud.reconcile.site.holdings import Holding, UnitState
from policloud.reconcile.site.placements import DRAINING, SUSPENDED
from policloud.reconcile.site.text import watts_text
from policloud.runtime.store import Key


def shed(draft: Draft) -> set[str]:
    """Cuts grants until every unit's fit; names the units that were short. A unit not read yet is left as it is."""
    return {name for name, state in draft.capacity.units.items() if _shed_unit(draft, name, state)}


def _shed_unit(draft: Draft, name: str, state: UnitState) -> bool:
    if state.power is None:
        return False
    here = {k: e for k, e in draft.entries.items() if (p := e.placed.get(name)) is not None and p.replicas}
    holdings = {h.workload: h for h in state.holdings}
    loads = [_load(e, e.placed[name].replicas, holdings.get(k), state) for k, e in here.items()]
    room = state.power.for_gpus - state.fixed_watts(draft.entries)

    def fits_power(running: Mapping[Key, int]) -> bool:
        return sum(running[w.id] * w.watts_per_replica for w in loads) <= room

    def fits_gpus(running: Mapping[Key, int]) -> bool:
        return gpus_fit(state, here, running)

    now = {w.id: w.replicas for w in loads}
    short_of_power = not fits_power(now)
    if not short_of_power and fits_gpus(now):
        return False
    keep = plan(loads, lambda running: fits_power(running) and fits_gpus(running))
    for key, replicas in keep.items():
        if replicas != now[key]:
            _cut(draft, draft.entries[key], name, replicas, _why(state, short_of_power=short_of_power))
    return True


def _load(entry: Entry, replicas: int, holding: Holding | None, state: UnitState) -> Load[Key]:
    """Watts as the pods' own GPUs are rated; at worst for those that are not bound yet."""
    spec = entry.spec
    watts = spec.gpus_per_replica * state.watts_per_gpu(spec)
    if holding is not None and holding.replicas:
        watts = min(watts, -(-holding.live_watts // holding.replicas)) or watts
    return Load(
        spec.key, spec.kind, spec.priority, spec.created, replicas, spec.min_replicas, spec.gpus_per_replica, watts
    )


def gpus_fit(state: UnitState, entries: Mapping[Key, Entry], running: Mapping[Key, int]) -> bool:
    """Whether ready GPUs of accepted kinds suffice, by count; those with the fewest pools open to them go first."""
    free = {p.spec.name: p.ready_gpus for p in state.pools}
    demands = sorted(
        ([p.name for p in state.spec.accepts(entries[k].spec)], n * entries[k].spec.gpus_per_replica)
        for k, n in running.items()
    )
    for pools, gpus in sorted(demands, key=lambda d: len(d[0])):
        left = gpus
        for pool in pools:
            taken = min(left, free[pool])
            free[pool] -= taken
            left -= taken
        if left:
            return False
    return True


def _cut(draft: Draft, entry: Entry, unit: str, replicas: int, why: Why) -> None:
    placement = entry.placed[unit]
    entry.why = why
    if replicas or placement.state == DRAINING:
        entry.placed[unit] = placement.to(replicas, placement.state, draft.stamp)
    else:
        entry.placed[unit] = placement.to(0, SUSPENDED, draft.stamp)


def _why(state: UnitState, *, short_of_power: bool) -> Why:
    if short_of_power and state.power is not None:
        return Why(
            WorkloadReason.WAITING_FOR_ENERGY,
            f"{state.name} may draw {watts_text(state.power.available)} now, hosts and cooling alone count "
            f"{watts_text(state.power.base)}: less important work is stopped until power returns",
        )
    ready = sum(p.ready_gpus for p in state.pools)
    return Why(WorkloadReason.WAITING_FOR_CAPACITY, f"{state.name} has {ready} ready GPUs left: the rest waits")
