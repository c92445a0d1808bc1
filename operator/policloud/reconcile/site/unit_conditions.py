"""Ready, Reconciling, Stalled and PoolsMatched of a PolicloudUnit, with what to do about each."""

from __future__ import annotations

from policloud.domain.conditions import Condition
from policloud.reconcile.site.holdings import Capacity, UnitState
from policloud.reconcile.site.text import watts_text
from policloud.reconcile.site.unit_status import Sources


def ready_conditions(capacity: Capacity, state: UnitState, sources: Sources) -> list[Condition]:
    """The four that the site itself answers for."""
    matched = pools_matched(capacity, state)
    ready = _ready(state, matched, sources)
    working = ready.reason in {"Draining", "SourcesNotRead", "NodesNotReady"}
    return [
        ready,
        Condition("Reconciling", "True" if working else "False", ready.reason if working else "UpToDate"),
        Condition("Stalled", "False", "Progressing"),
        matched,
    ]


def pools_matched(capacity: Capacity, state: UnitState) -> Condition:
    """Whether every pool found nodes of its own, with the GPUs it declares."""
    lost = [(n, units) for n, units in sorted(capacity.contested.items()) if state.name in units]
    empty = [p for p in state.pools if not p.nodes]
    if lost and lost[0][1][0] != state.name:
        node, units = lost[0]
        return Condition(
            "PoolsMatched",
            "False",
            "NodeContested",
            f"node {node} is selected by the units {', '.join(units)}; it counts for {units[0]}, the first by name "
            f"({len(lost)} such nodes): make the nodeSelectors disjoint",
        )
    if empty:
        pool = empty[0].spec
        selector = ",".join(f"{k}={v}" for k, v in sorted(pool.selector.items())) or "(none)"
        return Condition(
            "PoolsMatched",
            "False",
            "NoNodeMatches",
            f"pool {pool.name}: nodeSelector {selector} matches no node; correct it, or label the nodes: "
            f"kubectl label node NODE {selector.replace(',', ' ')}",
        )
    short = [n for n in state.nodes if n.ready and n.allocatable_gpus < n.pool.per_node and not n.leaving]
    if short:
        worst = short[0]
        return Condition(
            "PoolsMatched",
            "True",
            "FewerGPUsThanDeclared",
            f"node {worst.name} offers {worst.allocatable_gpus} GPUs where pool {worst.pool.name} declares "
            f"{worst.pool.per_node} a node ({len(short)} such nodes): check its device plugin; what is offered counts",
        )
    return Condition("PoolsMatched", "True", "AllMatched", "")


def _ready(state: UnitState, matched: Condition, sources: Sources) -> Condition:
    if state.spec.deleting:
        left = sum(1 for h in state.holdings if h.replicas or h.gpus)
        return Condition("Ready", "False", "Draining", f"being deleted: {left} workloads are still here; limits stay")
    return _hindered(state, matched, sources) or Condition(
        "Ready", "True", "Operating", "" if matched.is_true else matched.message
    )


def _hindered(state: UnitState, matched: Condition, sources: Sources) -> Condition | None:
    if not any(p.nodes for p in state.pools):
        return Condition("Ready", "False", matched.reason, matched.message)
    if state.unknown and not sources:
        missing = ", ".join(state.unknown)
        return Condition(
            "Ready",
            "False",
            "SourceUnknown",
            f"electrical.sources names {missing}, and namespace {state.spec.key[0]} has no such EnergySource: "
            "apply it, or correct the name; until then it counts as no power",
        )
    if state.power is None:
        return Condition(
            "Ready", "False", "SourcesNotRead", f"waiting for the first reading of {', '.join(state.unread)}"
        )
    if not any(p.ready_nodes for p in state.pools):
        return Condition("Ready", "False", "NodesNotReady", "no node of the unit is Ready")
    if state.power.short:
        return Condition(
            "Ready",
            "False",
            "InsufficientPower",
            f"{watts_text(state.power.available)} may be drawn, {watts_text(state.power.used)} are counted at worst",
        )
    return None
