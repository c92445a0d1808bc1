"""Recounts a placement decision from the snapshot alone: what must never be, whatever solver made it.

Independent of the solver: it uses the values of the model and the oracle of the law, no other code of placement.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from policloud.domain.placement.model import (
    Assignment,
    Decision,
    PoolView,
    Snapshot,
    UnitView,
    WorkloadDecision,
    WorkloadView,
)
from policloud.testing import oracle


def violations(snapshot: Snapshot, decision: Decision) -> list[str]:
    """Everything that is wrong with the decision, in words; empty if it is sound."""
    units = {(u.site, u.unit): u for u in snapshot.units}
    found = [f"{uid} is not in the snapshot" for uid in decision.workloads.keys() - {w.uid for w in snapshot.workloads}]
    for workload in snapshot.workloads:
        made = decision.workloads.get(workload.uid)
        if made is None:
            found.append(f"{workload.uid} has no decision")
            continue
        found += [f"{workload.uid}: {fault}" for fault in _counts(workload, made)]
        found += [f"{workload.uid}: {fault}" for fault in _verdicts(snapshot, made)]
        found += [f"{workload.uid}: {fault}" for fault in _spread(workload, made, units)]
        for part in made.assignments:
            unit = units.get((part.site, part.unit))
            if unit is None:
                found.append(f"{workload.uid}: {part.unit} is not in the snapshot")
                continue
            faults = [
                *_lawful(snapshot, workload, unit),
                *_machine(workload, part, unit),
                *_willing(snapshot, workload, unit),
            ]
            found += [f"{workload.uid} on {part.unit}: {fault}" for fault in faults]
    return found + list(_capacity(snapshot, decision))


def _counts(workload: WorkloadView, made: WorkloadDecision) -> Iterator[str]:
    placed = sum(a.replicas for a in made.assignments)
    held = sum(workload.running.values())
    wanted = max(0, workload.replicas - held)
    if placed + made.unplaced != wanted:
        yield f"{placed} placed and {made.unplaced} left, but {wanted} wanted"
    if any(a.replicas <= 0 for a in made.assignments):
        yield "an empty assignment"
    if workload.gang and placed not in {0, wanted}:
        yield f"a gang of {wanted} placed in part ({placed})"
    homes = {a.unit for a in made.assignments} | {u for u, n in workload.running.items() if n}
    if not workload.splittable and made.assignments and len(homes) > 1:
        yield f"shared over {sorted(homes)}, but it is not splittable"


def _verdicts(snapshot: Snapshot, made: WorkloadDecision) -> Iterator[str]:
    told = sorted((v.site, v.unit) for v in made.verdicts)
    if told != sorted((u.site, u.unit) for u in snapshot.units):
        yield "not one verdict for each unit"
    for verdict in made.verdicts:
        if (verdict.reason is None) != (verdict.verdict.value == "Fits"):
            yield f"{verdict.unit}: {verdict.verdict} with reason {verdict.reason}"
        if verdict.reason is not None and not (verdict.measured and verdict.required):
            yield f"{verdict.unit}: {verdict.reason} without measured or required"
        if made.unplaced and verdict.verdict.value == "Fits":
            yield f"{verdict.unit} fits, yet {made.unplaced} replicas are left"
    fitting = {v.unit for v in made.verdicts if v.verdict.value == "Fits"}
    if not made.unplaced and not {a.unit for a in made.assignments} <= fitting:
        yield "placed on a unit that does not fit"


def _spread(workload: WorkloadView, made: WorkloadDecision, units: dict[tuple[str, str], UnitView]) -> Iterator[str]:
    if workload.spread_max_per_domain is None:
        return
    before: dict[str, int] = defaultdict(int)
    for unit in units.values():
        before[_domain(workload, unit)] += workload.running.get(unit.unit, 0)
    added: dict[str, int] = defaultdict(int)
    for part in made.assignments:
        added[_domain(workload, units[part.site, part.unit])] += part.replicas
    for domain, number in added.items():
        if before[domain] + number > workload.spread_max_per_domain:
            yield f"{before[domain]} + {number} in {domain}, at most {workload.spread_max_per_domain}"


def _domain(workload: WorkloadView, unit: UnitView) -> str:
    names = {"Site": unit.site, "Region": str(unit.region), "Country": str(unit.facts.country)}
    return names.get(workload.spread_over or "Unit", unit.unit)


def _lawful(snapshot: Snapshot, workload: WorkloadView, unit: UnitView) -> Iterator[str]:
    until = workload.runs_until.date() if workload.runs_until else None
    broken = oracle.reasons(workload.rules, unit.facts, snapshot.now.date(), until)
    if broken:
        yield f"unlawful: {sorted(broken)}"


def _machine(workload: WorkloadView, part: Assignment, unit: UnitView) -> Iterator[str]:
    pools = {p.name: p for p in unit.pools}
    used = [(pools[name], gpus) for name, gpus in part.gpus_by_pool]
    size = workload.gpus_per_replica
    if part.gpus != part.replicas * size or part.gpus != sum(gpus for _, gpus in used):
        yield f"{part.gpus} GPUs for {part.replicas} replicas of {size}: {part.gpus_by_pool}"
    if part.max_watts != sum(gpus * pool.watts_per_gpu for pool, gpus in used):
        yield f"{part.max_watts} W is not the rated draw of {part.gpus_by_pool}"
    if part.typical_watts > part.max_watts:
        yield "typical draw above the rated"
    if set(part.products) != {pool.product for pool, _ in used}:
        yield f"products {part.products} are not those of {part.gpus_by_pool}"
    for pool, _ in used:
        if not _right_kind(workload, pool):
            yield f"wrong kind of GPU in {pool.name}"
    if workload.kind == "VirtualMachine" and not unit.serves_virtual_machines:
        yield "no virtual machines there"
    if workload.storage_gib > sum(unit.storage_classes_gib.values()):
        yield "too little storage"


def _right_kind(workload: WorkloadView, pool: PoolView) -> bool:
    right = not workload.products or pool.product in workload.products
    return (
        right and pool.memory_gib >= workload.memory_gib and (pool.confidential or not workload.confidential_required)
    )


def _willing(snapshot: Snapshot, workload: WorkloadView, unit: UnitView) -> Iterator[str]:
    if unit.closed is not None:
        yield f"closed: {unit.closed}"
    if unit.unit in workload.avoid_units:
        yield "its release there is under way"
    refusal = workload.refusals.get(unit.unit)
    if refusal is not None and (refusal.until is None or snapshot.now < refusal.until):
        yield "refused"
    grams = workload.max_grams_per_kwh
    if grams is not None and (unit.grams_per_kwh is None or unit.grams_per_kwh > grams):
        yield f"{unit.grams_per_kwh} g/kWh, at most {grams}"


def _capacity(snapshot: Snapshot, decision: Decision) -> Iterator[str]:
    watts: dict[tuple[str, str], int] = defaultdict(int)
    sizes: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    per_replica = {w.uid: w.gpus_per_replica for w in snapshot.workloads}
    for uid, made in decision.workloads.items():
        for part in made.assignments:
            watts[part.site, part.unit] += part.max_watts
            for name, gpus in part.gpus_by_pool:
                size = per_replica[uid]
                sizes[part.site, part.unit, name] += [size] * (gpus // size)
    for unit in snapshot.units:
        if watts[unit.site, unit.unit] > unit.free_watts:
            yield f"{unit.unit}: {watts[unit.site, unit.unit]} W of {unit.free_watts} W free"
        for pool in unit.pools:
            if not packs(sizes[unit.site, unit.unit, pool.name], list(pool.free_by_node)):
                yield f"{unit.unit}/{pool.name}: {sizes[unit.site, unit.unit, pool.name]} into {pool.free_by_node}"


def packs(sizes: list[int], free: list[int]) -> bool:
    """Whether replicas of these sizes fit on nodes with so many free GPUs; exact where each size divides the next."""
    for size in sorted(sizes, reverse=True):
        for node, left in enumerate(free):
            if left >= size:
                free[node] -= size
                break
        else:
            return False
    return True
