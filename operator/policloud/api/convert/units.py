"""A PolicloudUnit, as its site reports it, as placement sees it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from policloud.api.convert.values import Body, block, decimal
from policloud.domain.placement.capacity import UnitCapacity
from policloud.domain.placement.model import PoolView, Reservation, UnitView
from policloud.domain.reasons import Reason
from policloud.domain.sovereignty.model import UnitFacts


def unit_view(
    unit: Body,
    *,
    site: str,
    facts: UnitFacts,
    reserved: Iterable[Reservation] = (),
    closed: Reason | None = None,
    closed_detail: str = "",
    power_back_at: datetime | None = None,
    serves_virtual_machines: bool = True,
) -> UnitView:
    """Free capacity = what the unit's status reports as free, minus `reserved`.

    `facts`: facts_on_hub(unit, membership) on the hub, facts_on_site(unit) on the site itself. `reserved`: what is
    spoken for and not yet counted as used in the status (on the hub: open offers beyond what the site reports).
    """
    spec, status = block(unit, "spec"), block(unit, "status")
    power, energy = block(status, "power"), block(status, "energy")
    storage = spec.get("storage") or ()
    return _reserved(
        UnitView(
            site=site,
            unit=str(block(unit, "metadata").get("name", "")),
            facts=facts,
            pools=_pools(spec, status),
            free_watts=max(0, int(power.get("freeWatts") or 0)),
            total_watts=_total_watts(spec, status),
            region=block(spec, "location").get("region"),
            price_per_kwh=decimal(energy.get("pricePerKWh")),
            currency=str(energy.get("currency") or "EUR"),
            grams_per_kwh=energy.get("gramsPerKWh"),
            storage_classes_gib=_capacity_by_class(storage),
            encrypted_gib=_capacity(s for s in storage if s.get("encryptedAtRest")),
            serves_virtual_machines=serves_virtual_machines,
            closed=closed,
            closed_detail=closed_detail,
            power_back_at=power_back_at,
        ),
        reserved,
    )


def _pools(spec: Body, status: Body) -> tuple[PoolView, ...]:
    reported = {p.get("name"): p for p in status.get("pools") or ()}
    views = []
    for pool in spec.get("pools") or ():
        gpu, seen = block(pool, "gpu"), reported.get(pool.get("name"), {})
        views.append(
            PoolView(
                name=str(pool.get("name", "")),
                product=str(gpu.get("product", "")),
                memory_gib=int(gpu.get("memoryGiB") or 0),
                per_node=int(gpu.get("perNode") or 1),
                free_by_node=_free_by_node(seen.get("freeByNode") or ()),
                total_gpus=int(seen.get("gpus") or 0),
                watts_per_gpu=int(block(pool, "power").get("maxWatts") or 0),
                confidential=bool(gpu.get("confidential")),
            )
        )
    return tuple(views)


def _free_by_node(buckets: Iterable[Mapping[str, Any]]) -> tuple[int, ...]:
    """`[{free: 8, nodes: 2}, {free: 3, nodes: 1}]` to (8, 8, 3)."""
    free = [int(b.get("free") or 0) for b in buckets for _ in range(int(b.get("nodes") or 0))]
    return tuple(sorted((f for f in free if f > 0), reverse=True))


def _total_watts(spec: Body, status: Body) -> int:
    """What the limit leaves for GPUs after everything else, at full sources; without a limit, what GPUs may draw.

    A published status has no baseWatts: it is what is used beyond the rated draw of the GPUs in use.
    """
    power = block(status, "power")
    rated = {p.get("name"): int(block(p, "power").get("maxWatts") or 0) for p in spec.get("pools") or ()}
    pools = status.get("pools") or ()
    limit = power.get("limitWatts") or block(spec, "electrical").get("limitWatts")
    if not limit:
        return sum(rated.get(p.get("name"), 0) * int(p.get("gpus") or 0) for p in pools)
    in_use = sum(rated.get(p.get("name"), 0) * int(p.get("gpusUsed") or 0) for p in pools)
    base = power.get("baseWatts")
    other = int(power.get("usedWatts") or 0) - in_use if base is None else int(base)
    return max(0, int(power.get("freeWatts") or 0), int(limit) - max(0, other))


def _capacity(storage: Iterable[Mapping[str, Any]]) -> int:
    return sum(int(s.get("capacityGiB") or 0) for s in storage)


def _capacity_by_class(storage: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for s in storage:
        name = str(s.get("class", ""))
        total[name] = total.get(name, 0) + int(s.get("capacityGiB") or 0)
    return total


def _reserved(view: UnitView, reservations: Iterable[Reservation]) -> UnitView:
    taken = tuple(reservations)
    if not taken:
        return view
    capacity = UnitCapacity.of(view)
    for reservation in taken:
        capacity.reserve(reservation)
    free = capacity.free_by_node()
    pools = tuple(replace(p, free_by_node=free[p.name]) for p in view.pools)
    return replace(view, pools=pools, free_watts=capacity.free_watts)
