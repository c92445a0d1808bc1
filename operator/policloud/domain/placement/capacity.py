"""How many replicas a unit still takes, by node and by watts, and what is left once they are there.

A replica runs on one node, so free GPUs count only node by node: eight free GPUs on eight nodes hold no replica of
two. GPUs of a pool count with their rated draw; pools that draw less are filled first.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from policloud.domain.placement.model import PoolView, Reservation, UnitView, WorkloadView

UNBOUNDED: Final = 1_000_000  # replicas without GPUs: limited by nothing that placement counts


@dataclass(frozen=True, slots=True)
class Request:
    """What one replica needs of a unit; equal for all workloads of one class."""

    gpus_per_replica: int
    products: frozenset[str] = frozenset()  # empty: any
    memory_gib: int = 0
    confidential: bool = False

    @classmethod
    def of(cls, workload: WorkloadView) -> Request:
        """What one replica of the workload needs."""
        return cls(
            workload.gpus_per_replica,
            workload.products,
            workload.memory_gib,
            confidential=workload.confidential_required,
        )

    def accepts(self, pool: PoolView) -> bool:
        """Whether the GPUs of the pool are of the right kind, whatever is free."""
        return (
            (not self.products or pool.product in self.products)
            and pool.memory_gib >= self.memory_gib
            and (pool.confidential or not self.confidential)
        )


@dataclass(frozen=True, slots=True)
class Room:
    """Replicas that fit by free GPUs alone, and by GPUs and watts together."""

    by_gpus: int
    replicas: int


@dataclass(frozen=True, slots=True)
class Taken:
    """What an assignment takes: GPUs by pool, in the order of filling, and their rated watts together."""

    replicas: int
    gpus_by_pool: tuple[tuple[PoolView, int], ...]
    watts: int


class UnitCapacity:
    """Free GPUs by node and free watts of one unit; `version` rises with each taking, for caches."""

    __slots__ = ("_nodes", "free_watts", "pools", "version")

    def __init__(self, pools: Iterable[PoolView], free_watts: int) -> None:
        self.pools = tuple(sorted(pools, key=_filling_order))
        self.free_watts = max(0, free_watts)
        self.version = 0
        self._nodes = [_histogram(p.free_by_node) for p in self.pools]

    @classmethod
    def of(cls, unit: UnitView) -> UnitCapacity:
        """The capacity of a unit as the snapshot has it."""
        return cls(unit.pools, unit.free_watts)

    def room(self, request: Request) -> Room:
        """How many replicas fit now."""
        size = request.gpus_per_replica
        if size == 0:
            return Room(UNBOUNDED, UNBOUNDED)
        by_gpus = fitting = 0
        watts = self.free_watts
        for pool, nodes in zip(self.pools, self._nodes, strict=True):
            if not nodes or not request.accepts(pool):
                continue
            here = sum(count * (free // size) for free, count in nodes.items())
            by_gpus += here
            affordable = min(here, _affordable(watts, size * pool.watts_per_gpu))
            fitting += affordable
            watts -= affordable * size * pool.watts_per_gpu
        return Room(by_gpus, fitting)

    def largest_free(self, request: Request) -> int:
        """The most free GPUs of an accepted kind on one node."""
        return max(
            (max(n, default=0) for p, n in zip(self.pools, self._nodes, strict=True) if request.accepts(p)), default=0
        )

    def free_gpus(self, request: Request) -> int:
        """Free GPUs of accepted kinds, on any node."""
        pairs = zip(self.pools, self._nodes, strict=True)
        return sum(sum(free * count for free, count in n.items()) for p, n in pairs if request.accepts(p))

    def take(self, request: Request, replicas: int) -> Taken:
        """Put `replicas` there and deduct them; ValueError if they do not fit (see `room`)."""
        size = request.gpus_per_replica
        if replicas > self.room(request).replicas:
            raise ValueError(f"{replicas} replicas of {size} GPUs do not fit")
        self.version += 1
        taken: list[tuple[PoolView, int]] = []
        left = replicas if size else 0
        watts = 0
        for pool, nodes in zip(self.pools, self._nodes, strict=True):
            if left == 0 or not request.accepts(pool):
                continue
            here = sum(count * (free // size) for free, count in nodes.items())
            count = min(left, here, _affordable(self.free_watts - watts, size * pool.watts_per_gpu))
            if count:
                _occupy(nodes, size, count)
                taken.append((pool, count * size))
                watts += count * size * pool.watts_per_gpu
                left -= count
        self.free_watts -= watts
        return Taken(replicas, tuple(taken), watts)

    def reserve(self, reservation: Reservation) -> None:
        """Deduct what is spoken for elsewhere: as much of it as is there, its watts in full."""
        self.version += 1
        size, left = reservation.gpus_per_replica, reservation.replicas
        request = Request(size, frozenset(reservation.products))
        for pool, nodes in zip(self.pools, self._nodes, strict=True):
            if size and request.accepts(pool):
                here = min(left, sum(count * (free // size) for free, count in nodes.items()))
                _occupy(nodes, size, here)
                left -= here
        self._drop(request, left * size)
        self.free_watts = max(0, self.free_watts - reservation.watts)

    def free_by_node(self) -> dict[str, tuple[int, ...]]:
        """Free GPUs of each node by name of the pool, largest first: the form of PoolView."""
        return {
            pool.name: tuple(sorted((f for f, count in nodes.items() for _ in range(count)), reverse=True))
            for pool, nodes in zip(self.pools, self._nodes, strict=True)
        }

    def _drop(self, request: Request, gpus: int) -> None:
        """Take GPUs away one by one where no whole replica fits: a reservation never counts as free."""
        for pool, nodes in zip(self.pools, self._nodes, strict=True):
            while gpus > 0 and request.accepts(pool) and any(nodes):
                _occupy(nodes, 1, 1)
                gpus -= 1


def largest_node(unit: UnitView, request: Request) -> int:
    """GPUs of the largest node of an accepted kind, were it empty."""
    return max((p.per_node for p in unit.pools if request.accepts(p) and p.total_gpus > 0), default=0)


def room_empty(unit: UnitView, request: Request) -> Room:
    """How many replicas the unit would hold with nothing running and its sources full."""
    size = request.gpus_per_replica
    if size == 0:
        return Room(UNBOUNDED, UNBOUNDED)
    by_gpus = fitting = 0
    watts = unit.total_watts
    for pool in sorted(unit.pools, key=_filling_order):
        if not request.accepts(pool):
            continue
        nodes, rest = divmod(pool.total_gpus, max(1, pool.per_node))
        here = nodes * (pool.per_node // size) + rest // size
        affordable = min(here, _affordable(watts, size * pool.watts_per_gpu))
        by_gpus += here
        fitting += affordable
        watts -= affordable * size * pool.watts_per_gpu
    return Room(by_gpus, fitting)


def _filling_order(pool: PoolView) -> tuple[int, int, str]:
    return (pool.watts_per_gpu, pool.memory_gib, pool.name)


def _histogram(free_by_node: Iterable[int]) -> dict[int, int]:
    """Number of nodes by free GPUs; full nodes do not matter."""
    nodes: dict[int, int] = {}
    for free in free_by_node:
        if free > 0:
            nodes[free] = nodes.get(free, 0) + 1
    return nodes


def _affordable(watts: int, watts_per_replica: int) -> int:
    return UNBOUNDED if watts_per_replica <= 0 else max(0, watts) // watts_per_replica


def _occupy(nodes: dict[int, int], size: int, replicas: int) -> None:
    """Put replicas on the nodes that fit them most tightly, so that large replicas find room later."""
    for _ in range(replicas):
        free = min(f for f in nodes if f >= size)
        _move_node(nodes, free, free - size)


def _move_node(nodes: dict[int, int], before: int, after: int) -> None:
    nodes[before] -= 1
    if nodes[before] == 0:
        del nodes[before]
    if after > 0:
        nodes[after] = nodes.get(after, 0) + 1
