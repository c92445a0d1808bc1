"""How much a workload asks for, whatever its class: replicas, the fewest that are of use, GPUs for each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

WorkloadClass = Literal["Inference", "Batch", "VirtualMachine"]


@dataclass(frozen=True, slots=True)
class Demand:
    """`splittable`: may be shared over units. `gang`: all replicas or none. `min_replicas` <= `replicas`."""

    replicas: int
    min_replicas: int
    gpus_per_replica: int
    splittable: bool
    gang: bool

    @property
    def gpus(self) -> int:
        return self.replicas * self.gpus_per_replica


def inference(*, replicas: int, min_replicas: int | None, gpus_per_replica: int, gang: bool = False) -> Demand:
    """A service: any share of its replicas is of use, over any units; `min_replicas` None means one."""
    fewest = replicas if gang else min(replicas, 1 if min_replicas is None else min_replicas)
    return Demand(replicas, fewest, gpus_per_replica, splittable=True, gang=gang)


def batch(
    *, parallelism: int | None, completions: int | None, gpus_per_replica: int, gang: bool = False, done: int = 0
) -> Demand:
    """A job, whole on one unit: as many pods at once as asked for, but never more than completions are left.

    `parallelism` None means one, as in a Kubernetes Job. With `gang` a smaller parallelism is of no use.
    """
    replicas = 1 if parallelism is None else parallelism
    if completions is not None:
        replicas = min(replicas, max(0, completions - done))
    return Demand(replicas, replicas if gang else min(1, replicas), gpus_per_replica, splittable=False, gang=gang)


def virtual_machine(*, gpus_per_replica: int) -> Demand:
    """A machine is one, or not there."""
    return Demand(1, 1, gpus_per_replica, splittable=False, gang=True)
