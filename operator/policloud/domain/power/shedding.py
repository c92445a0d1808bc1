"""Which work runs at how many replicas when power falls or GPUs vanish, and when it may come back. Pure.

Least important first: lowest priority, then the youngest. Inference shrinks to its minimum before it is suspended
whole, a batch is suspended whole, virtual machines go after everything else: they hold state that others do not.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
INFERENCE = "Inference"
VIRTUAL_MACHINE = "VirtualMachine"


@dataclass(frozen=True, slots=True)
class Load(Generic[K]):
    """One workload on one unit: what it holds there and how far it may be cut before it is better suspended."""

    id: K
    kind: str  # Inference, Batch, VirtualMachine
    priority: int
    created: datetime
    replicas: int
    min_replicas: int
    gpus_per_replica: int
    watts_per_replica: int

    @property
    def steps(self) -> tuple[int, ...]:
        """Replica counts to try, from now down to nothing."""
        if self.kind == INFERENCE and self.min_replicas > 0:
            return (*range(self.replicas, min(self.min_replicas, self.replicas) - 1, -1), 0)
        return (*range(self.replicas, -1, -1),) if self.kind == INFERENCE else (self.replicas, 0)


Running = Mapping[K, int]
Fits = Callable[[Running[K]], bool]


def least_important_first(loads: Sequence[Load[K]]) -> list[Load[K]]:
    return sorted(loads, key=lambda w: (w.kind == VIRTUAL_MACHINE, w.priority, -w.created.timestamp(), str(w.id)))


def plan(loads: Sequence[Load[K]], fits: Fits[K]) -> dict[K, int]:
    """Replicas that each load may keep. `fits` must be monotone: what fits still fits with fewer replicas.

    The result fits, or everything is at zero. Nothing ends above what it has. What was cut on the way to something
    larger is given back where there is room in the end, most important first.
    """
    running = {w.id: w.replicas for w in loads}
    if fits(running):
        return running
    order = least_important_first(loads)
    for load in order:
        for step in load.steps:
            running[load.id] = step
            if fits(running):
                return _give_back(order, running, fits)
    return running


def _give_back(order: Sequence[Load[K]], running: dict[K, int], fits: Fits[K]) -> dict[K, int]:
    for load in reversed(order):
        for step in load.steps:
            if step <= running[load.id]:
                break
            trial = {**running, load.id: step}
            if fits(trial):
                running = trial
                break
    return running


def raise_reserve(budget_watts: int, seconds_since_short: float | None, hold_seconds: float, percent: int = 5) -> int:
    """Watts that a raise must leave free: some per cent of the budget for a while after a shortage, then none.

    Without it, a source that hovers around the draw would start and stop the same work over and over.
    """
    if seconds_since_short is None or seconds_since_short >= hold_seconds:
        return 0
    return -(-budget_watts * percent // 100)
