"""What a PolicloudUnit's status says, from its state; also what local placement is told of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from policloud.domain.energy.freshness import Quality
from policloud.domain.power.headroom import with_margin
from policloud.ports import Body
from policloud.reconcile.site.book import SourceState
from policloud.reconcile.site.holdings import UnitState
from policloud.reconcile.site.specs import rfc3339
from policloud.reconcile.site.text import money, watts_text

Sources = Sequence[tuple[str, SourceState | None]]


def pools(state: UnitState) -> list[Body]:
    """`status.pools`."""
    return [
        {
            "name": p.spec.name,
            "product": p.spec.product,
            "memoryGiB": p.spec.memory_gib,
            "perNode": p.spec.per_node,
            "nodes": p.nodes,
            "readyNodes": p.ready_nodes,
            "gpus": p.gpus,
            "gpusReady": p.ready_gpus,
            "gpusUsed": p.used_gpus,
            "freeByNode": free_by_node(p.free_by_node.values()),
        }
        for p in state.pools
    ]


def free_by_node(free: Iterable[int]) -> list[Body]:
    """Nodes by how many GPUs are free on them, most first."""
    return [{"free": n, "nodes": count} for n, count in sorted(Counter(free).items(), reverse=True)]


def power(state: UnitState, sources: Sources, now: datetime) -> Body:
    """`status.power`, the governor's block. Without readings it says only what is built in."""
    limit = with_margin(state.spec.limit_watts, state.spec.margin_percent)
    block: Body = {"limitWatts": limit}
    if state.power is None:
        return block
    times = [s.observed_at for _, s in sources if s is not None]
    bound = "Limit" if state.spec.limit_watts <= state.source_watts else "+".join(n for n, _ in sources) or "none"
    return block | {
        "sourceWatts": state.source_watts,
        "availableWatts": state.power.available,
        "baseWatts": state.power.base,
        "usedWatts": state.power.used,
        "freeWatts": state.power.available - state.power.used,
        "floorWatts": state.power.base,
        "source": bound[:256],
        "observedAt": rfc3339(min(times, default=now)),
    }


def energy(state: UnitState, sources: Sources, types: Mapping[str, str]) -> Body:
    """`status.energy`: the sources in use, price and carbon of the next kWh, which the last of them would give."""
    used, left = [], state.power.used if state.power else 0
    for name, source in sources:
        if source is None or source.available_watts <= 0:
            continue
        used.append((name, source))
        left -= source.available_watts
        if left < 0:
            break
    if not used:
        return {}
    marginal = used[-1][1]
    block: Body = {
        "source": "+".join(dict.fromkeys(types.get(n, n) for n, _ in used))[:256],
        "currency": marginal.currency,
    }
    if marginal.grams_per_kwh is not None:
        block["gramsPerKWh"] = marginal.grams_per_kwh
    if marginal.price_per_kwh is not None:
        block["pricePerKWh"] = money(marginal.price_per_kwh)
    return block


def counts(state: UnitState) -> Body:
    """`gpus`, `nodes` and `workloads`."""
    local = [h for h in state.holdings if not h.federated]
    federated = [h for h in state.holdings if h.federated]
    return {
        "gpus": {
            "total": sum(p.gpus for p in state.pools),
            "ready": sum(p.ready_gpus for p in state.pools),
            "used": sum(h.gpus for h in state.holdings) + state.foreign_gpus,
            "local": sum(h.gpus for h in local),
            "federated": sum(h.gpus for h in federated),
        },
        "nodes": {"total": sum(p.nodes for p in state.pools), "ready": sum(p.ready_nodes for p in state.pools)},
        "workloads": {
            "local": sum(1 for h in local if h.replicas),
            "federated": sum(1 for h in federated if h.replicas),
        },
    }


def summary(state: UnitState, numbers: Body) -> Body:
    """Short texts for columns."""
    watts = "unknown"
    if state.power is not None:
        watts = f"{watts_text(state.power.used)} / {watts_text(state.power.available)}"
    return {
        "power": watts,
        "gpus": f"{numbers['gpus']['used']}/{numbers['gpus']['total']}",
        "nodes": f"{numbers['nodes']['ready']}/{numbers['nodes']['total']}",
        "workloads": f"{numbers['workloads']['local']}+{numbers['workloads']['federated']}",
    }


def fresh(sources: Sources) -> tuple[bool, str, str]:
    """Whether all sources' readings are good; else reason and message of the first that is not."""
    for name, source in sources:
        if source is None:
            return False, "NotReadYet", f"EnergySource {name} was not read yet"
        if source.quality is not Quality.GOOD:
            return False, source.reason, f"EnergySource {name}: {source.message}"
    return True, "Good", ""
