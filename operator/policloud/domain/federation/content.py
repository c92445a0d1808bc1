"""What is sent to a site: the workload's own spec, cut to the share that the site is to carry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from policloud.domain.federation.canonical import canonical
from policloud.domain.federation.offers import CONTENT_MAX_BYTES, Demand, Mobility, WorkloadRef, revision


@dataclass(frozen=True, slots=True)
class Planned:
    """An offer written into the plan before it is created: enough to create it from nothing else."""

    namespace: str
    name: str
    unit: str
    sequence: int
    demand: Demand
    completed_before: int = 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """A SovereignWorkload of the hub, as the protocol needs it."""

    ref: WorkloadRef
    spec: Mapping[str, Any]
    generation: int = 1
    resource_version: str = ""
    deleting: bool = False
    finalizer: bool = False
    planned: tuple[Planned, ...] = field(default=())

    @property
    def class_(self) -> str:
        return str(self.spec.get("class", "Inference"))

    @property
    def block(self) -> Mapping[str, Any]:
        name = {"Inference": "inference", "Batch": "batch", "VirtualMachine": "virtualMachine"}.get(self.class_, "")
        block: Mapping[str, Any] = self.spec.get(name) or {}
        return block

    @property
    def replicas(self) -> int:
        """Asked for: inference replicas, batch parallelism, one virtual machine."""
        if self.class_ == "Inference":
            return int(self.block.get("replicas", 1))
        if self.class_ == "Batch":
            parallelism = int(self.block.get("parallelism", 1))
            return min(parallelism, int(self.block.get("completions", parallelism)))
        return 1

    @property
    def completions(self) -> int | None:
        if self.class_ != "Batch":
            return None
        return int(self.block.get("completions", self.block.get("parallelism", 1)))

    @property
    def whole(self) -> bool:
        """Placed on one unit, never shared over several."""
        return self.class_ != "Inference"

    @property
    def gang(self) -> bool:
        return self.class_ == "VirtualMachine" or bool(self.block.get("gang", False))

    @property
    def mobility(self) -> Mobility:
        return Mobility((self.spec.get("placement") or {}).get("mobility", "Preferred"))

    @property
    def exclusive(self) -> bool:
        return bool((self.spec.get("placement") or {}).get("exclusive", False))


def content_for(wanted: Wanted, replicas: int, *, completed_before: int = 0) -> dict[str, Any]:
    """The spec with the share's own numbers: scaling one share does not touch the others."""
    content = dict(wanted.spec)
    if wanted.class_ == "Inference":
        block = dict(wanted.block, replicas=replicas)
        if "minReplicas" in block:
            block["minReplicas"] = min(int(block["minReplicas"]), replicas)
        content["inference"] = block
    elif wanted.class_ == "Batch":
        block = dict(wanted.block, parallelism=replicas)
        if wanted.completions is not None:
            block["completions"] = max(1, wanted.completions - completed_before)
        content["batch"] = block
    return content


def revision_for(wanted: Wanted, demand: Demand, *, completed_before: int = 0) -> str:
    """The revision that an up-to-date offer of this share has."""
    content = content_for(wanted, demand.replicas, completed_before=completed_before)
    return revision(content, demand, wanted.mobility, exclusive=wanted.exclusive)


def too_large(wanted: Wanted) -> int | None:
    """Bytes of the content if it is more than an offer may carry."""
    size = len(canonical(dict(wanted.spec)))
    return size if size > CONTENT_MAX_BYTES else None
