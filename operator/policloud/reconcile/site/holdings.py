"""Values of what a site's units hold, draw and can still take."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from policloud.domain.power.headroom import Headroom
from policloud.reconcile.site.nodes import Claimed
from policloud.reconcile.site.specs import PoolSpec, UnitSpec, WorkloadSpec
from policloud.runtime.store import Key


@dataclass(frozen=True, slots=True)
class Promise:
    """Replicas promised to a hub: counted in full until the local object `workload` carries that sequence."""

    workload: Key
    unit: str
    replicas: int
    gpus: int
    watts: int
    products: frozenset[str] = frozenset()
    sequence: int = 0


@dataclass(frozen=True, slots=True)
class Holding:
    """What one workload holds on one unit. GPUs: granted by us, bound by pods (`leaving`: of those, being deleted)."""

    workload: Key
    federated: bool
    replicas: int
    granted_gpus: int
    bound_gpus: int
    leaving_gpus: int
    gpu_watts: int  # rated draw of what is bound, and at worst of what is granted but not bound yet
    live_watts: int = 0  # the same without pods that are being deleted
    stuck_watts: int = 0  # of pods being deleted on nodes that do not answer: nobody knows when they end
    state: str = ""

    @property
    def gpus(self) -> int:
        """Bound ones and those that its grant may still bind."""
        return self.bound_gpus + self.unbound_gpus

    @property
    def unbound_gpus(self) -> int:
        return max(0, self.granted_gpus - (self.bound_gpus - self.leaving_gpus))


@dataclass(frozen=True, slots=True)
class PoolState:
    """One pool's nodes and GPUs. `free_by_node` holds, for each node that takes work, its free GPUs."""

    spec: PoolSpec
    nodes: int
    ready_nodes: int
    gpus: int
    ready_gpus: int
    used_gpus: int
    free_by_node: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class UnitState:
    """One unit now. `power` is None while a source it names was not read since the start: nothing may be raised."""

    spec: UnitSpec
    pools: tuple[PoolState, ...]
    holdings: tuple[Holding, ...]
    foreign_gpus: int
    foreign_watts: int
    source_watts: int
    power: Headroom | None
    total_gpu_watts: int
    unread: tuple[str, ...] = ()  # sources named but not read yet
    unknown: tuple[str, ...] = ()  # sources named but not there
    nodes: tuple[Claimed, ...] = ()
    closed: frozenset[str] = frozenset()  # nodes that their branch cannot carry

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def free_watts(self) -> int:
        return self.power.free if self.power else 0

    def fixed_watts(self, sheddable: Collection[Key]) -> int:
        """GPU draw that cutting the `sheddable` workloads does not end: foreign pods, promises, pods that are stuck.

        Pods of a workload that is gone or holds nothing any more are ending already: stopping others for their sake
        would stop what is more important than they were.
        """
        others = sum(h.gpu_watts for h in self.holdings if h.workload not in sheddable and h.granted_gpus)
        ending = sum(h.stuck_watts for h in self.holdings if h.workload in sheddable or not h.granted_gpus)
        return self.foreign_watts + others + ending

    def watts_per_gpu(self, workload: WorkloadSpec) -> int:
        """Rated draw of the hungriest GPU of this unit that the workload accepts."""
        return max((p.gpu_max_watts for p in self.spec.accepts(workload)), default=0)


@dataclass(frozen=True, slots=True)
class Capacity:
    """All units of the site, by name, as of one reading."""

    units: Mapping[str, UnitState] = field(default_factory=dict)
    contested: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
