"""Which node belongs to which pool of which unit, and what it can give. Pure functions of bodies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from policloud.api import names
from policloud.ports import Body
from policloud.reconcile.site.specs import PoolSpec, UnitSpec, gpu_count, matches, pod_gpus
from policloud.runtime.store import Key

_FINISHED = frozenset({"Succeeded", "Failed"})


@dataclass(frozen=True, slots=True)
class Claimed:
    """A node and the pool it counts for. `leaving`: its selector no longer matches, but our label is still on it."""

    body: Body
    unit: str
    pool: PoolSpec
    leaving: bool = False

    @property
    def name(self) -> str:
        return str(self.body["metadata"]["name"])

    @property
    def ready(self) -> bool:
        return node_ready(self.body)

    @property
    def schedulable(self) -> bool:
        """New work may land here."""
        return self.ready and not self.leaving and not (self.body.get("spec") or {}).get("unschedulable", False)

    @property
    def gpus(self) -> int:
        """As the device plugin reports them; 0 until it does."""
        return gpu_count(((self.body.get("status") or {}).get("capacity") or {}).get(names.GPU_RESOURCE, 0))

    @property
    def allocatable_gpus(self) -> int:
        return gpu_count(((self.body.get("status") or {}).get("allocatable") or {}).get(names.GPU_RESOURCE, 0))


@dataclass(frozen=True, slots=True)
class Claims:
    """Every node at most once. `contested`: node -> names of all units whose selectors match it."""

    by_unit: Mapping[str, tuple[Claimed, ...]]
    contested: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def of(self, unit: str) -> tuple[Claimed, ...]:
        return self.by_unit.get(unit, ())


def claim(units: Sequence[UnitSpec], nodes: Iterable[Body]) -> Claims:
    """Nodes to units: by selector, the first unit by name wins; a node that still bears a unit's label stays its own.

    A labelled node counts for its unit until the label is taken off, whatever the selectors say now: it is powered.
    """
    ordered = sorted(units, key=lambda u: (u.name, u.key))
    claimed: dict[str, list[Claimed]] = {u.name: [] for u in ordered}
    contested: dict[str, tuple[str, ...]] = {}
    for node in sorted(nodes, key=lambda n: n["metadata"]["name"]):
        wanted = [(u, p) for u in ordered if (p := _pool(u, node)) is not None]
        if len(wanted) > 1:
            contested[node["metadata"]["name"]] = tuple(u.name for u, _ in wanted)
        holder = _holder(ordered, node, wanted)
        if holder is not None:
            claimed[holder.unit].append(holder)
    return Claims({unit: tuple(of) for unit, of in claimed.items()}, contested)


def _holder(units: Sequence[UnitSpec], node: Body, wanted: Sequence[tuple[UnitSpec, PoolSpec]]) -> Claimed | None:
    labels = node["metadata"].get("labels") or {}
    labelled = next((u for u in units if u.name == labels.get(names.UNIT_LABEL)), None)
    if labelled is not None:
        pool = _pool(labelled, node)
        if pool is not None:
            return Claimed(node, labelled.name, pool, leaving=labelled.deleting)
        left = next((p for p in labelled.pools if p.name == labels.get(names.POOL_LABEL)), None) or _worst(labelled)
        if left is not None:
            return Claimed(node, labelled.name, left, leaving=True)
    if not wanted:
        return None
    unit, pool = wanted[0]
    return Claimed(node, unit.name, pool, leaving=unit.deleting)


def _pool(unit: UnitSpec, node: Body) -> PoolSpec | None:
    return next((p for p in unit.pools if matches(p.selector, node)), None)


def _worst(unit: UnitSpec) -> PoolSpec | None:
    return max(unit.pools, key=lambda p: p.host_max_watts + p.per_node * p.gpu_max_watts, default=None)


def node_ready(node: Body) -> bool:
    conditions = (node.get("status") or {}).get("conditions") or ()
    return any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)


@dataclass(frozen=True, slots=True)
class BoundPod:
    """A pod that holds GPUs of a node. `workload` is None for one that is not ours."""

    node: str
    workload: Key | None
    gpus: int
    leaving: bool  # being deleted


def bound_pod(pod: Body) -> BoundPod | None:
    """None unless the pod sits on a node, has not finished, and holds GPUs."""
    node = (pod.get("spec") or {}).get("nodeName")
    if not node or (pod.get("status") or {}).get("phase") in _FINISHED:
        return None
    gpus = pod_gpus(pod["spec"])
    if not gpus:
        return None
    meta = pod["metadata"]
    # The label cuts long names; the annotation, set only then, holds the whole.
    workload = (meta.get("annotations") or {}).get(names.WORKLOAD_LABEL) or (meta.get("labels") or {}).get(
        names.WORKLOAD_LABEL
    )
    key = (meta.get("namespace", ""), workload) if workload else None
    return BoundPod(node, key, gpus, "deletionTimestamp" in meta)
