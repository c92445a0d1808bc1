"""What the site's reconcilers read from bodies, as values. Total: a field that is missing has the schema's default."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

from policloud.api import names
from policloud.ports import Body
from policloud.runtime.store import Key, key_of

INFERENCE, BATCH, VIRTUAL_MACHINE = "Inference", "Batch", "VirtualMachine"
_BLOCKS = {INFERENCE: "inference", BATCH: "batch", VIRTUAL_MACHINE: "virtualMachine"}


@dataclass(frozen=True, slots=True)
class PoolSpec:
    name: str
    selector: Mapping[str, str]
    product: str
    memory_gib: int
    per_node: int
    confidential: bool
    host_max_watts: int
    gpu_max_watts: int


@dataclass(frozen=True, slots=True)
class BranchSpec:
    name: str
    limit_watts: int
    selector: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class UnitSpec:
    """A PolicloudUnit of this site, as its owner wrote it."""

    key: Key
    uid: str
    generation: int
    deleting: bool
    limit_watts: int
    margin_percent: Decimal
    other_max_watts: int
    cooling_watts: int
    sources: tuple[str, ...]
    percents: Mapping[str, Decimal]
    pools: tuple[PoolSpec, ...]
    branches: tuple[BranchSpec, ...]
    network_policy: bool
    storage: tuple[Mapping[str, Any], ...]
    body: Body

    @property
    def name(self) -> str:
        return self.key[1]

    def accepts(self, workload: WorkloadSpec) -> tuple[PoolSpec, ...]:
        """Pools whose GPUs the workload accepts."""
        return tuple(p for p in self.pools if workload.accepts(p))


@dataclass(frozen=True, slots=True)
class WorkloadSpec:
    """A SovereignWorkload, as far as the site turns it into children."""

    key: Key
    uid: str
    generation: int
    deleting: bool
    kind: str
    priority: int
    created: datetime
    replicas: int  # asked for: inference replicas, batch parallelism, 1 for a virtual machine
    min_replicas: int
    gpus_per_replica: int
    products: frozenset[str]
    memory_gib: int
    confidential_required: bool
    completions: int | None
    block: Mapping[str, Any]  # inference, batch or virtualMachine
    body: Body

    @property
    def template(self) -> Mapping[str, Any]:
        template: Mapping[str, Any] = self.block.get("template") or {}
        return template

    @property
    def egress_denied(self) -> bool:
        sovereignty = self.body["spec"].get("sovereignty") or {}
        return (sovereignty.get("egress") or {}).get("policy") == "Deny"

    def accepts(self, pool: PoolSpec) -> bool:
        return (
            (not self.products or pool.product in self.products)
            and pool.memory_gib >= self.memory_gib
            and (pool.confidential or not self.confidential_required)
        )


def unit_spec(body: Body) -> UnitSpec:
    """The values of a PolicloudUnit body."""
    return _unit(_Identity(body))


def workload_spec(body: Body) -> WorkloadSpec:
    """The values of a SovereignWorkload body."""
    return _workload(_Identity(body))


class _Identity:
    """Hashable by what makes a body unique, so that parsing is done once a version."""

    __slots__ = ("body", "id")

    def __init__(self, body: Body) -> None:
        meta = body["metadata"]
        self.body = body
        self.id = (meta.get("uid"), meta.get("resourceVersion")) if meta.get("resourceVersion") else id(body)

    def __hash__(self) -> int:
        return hash(self.id)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Identity) and (
            self.body is other.body or (self.id == other.id and self.body == other.body)
        )


@lru_cache(maxsize=256)
def _unit(identity: _Identity) -> UnitSpec:
    body = identity.body
    meta, spec = body["metadata"], body.get("spec") or {}
    electrical, cooling = spec.get("electrical") or {}, spec.get("cooling") or {}
    return UnitSpec(
        key=key_of(body),
        uid=meta.get("uid", ""),
        generation=meta.get("generation", 1),
        deleting="deletionTimestamp" in meta,
        limit_watts=int(electrical.get("limitWatts", 0)),
        margin_percent=Decimal(str(electrical.get("safetyMarginPercent", 5))),
        other_max_watts=int(electrical.get("otherMaxWatts", 0)),
        cooling_watts=int(cooling.get("fixedWatts", 0)) + int(cooling.get("maxFanWatts", 0)),
        sources=tuple(electrical.get("sources") or ()),
        percents={s["source"]: Decimal(str(s["percent"])) for s in electrical.get("shares") or ()},
        pools=tuple(_pool(p) for p in spec.get("pools") or ()),
        branches=tuple(
            BranchSpec(b["name"], int(b["limitWatts"]), b.get("nodeSelector") or {})
            for b in electrical.get("branches") or ()
        ),
        network_policy=spec.get("networkPolicy", "None") == "Enforced",
        storage=tuple(spec.get("storage") or ()),
        body=body,
    )


def _pool(pool: Mapping[str, Any]) -> PoolSpec:
    gpu, power = pool.get("gpu") or {}, pool.get("power") or {}
    return PoolSpec(
        name=pool["name"],
        selector=pool.get("nodeSelector") or {},
        product=gpu.get("product", ""),
        memory_gib=int(gpu.get("memoryGiB", 0)),
        per_node=int(gpu.get("perNode", 0)),
        confidential=bool(gpu.get("confidential", False)),
        host_max_watts=int(power.get("hostMaxWatts", 0)),
        gpu_max_watts=int(power.get("maxWatts", 0)),
    )


@lru_cache(maxsize=4096)
def _workload(identity: _Identity) -> WorkloadSpec:
    body = identity.body
    meta, spec = body["metadata"], body.get("spec") or {}
    kind = str(spec.get("class", INFERENCE))
    block: Mapping[str, Any] = spec.get(_BLOCKS.get(kind, "")) or {}
    gpu = spec.get("gpu") or {}
    replicas, least = _replicas(kind, block)
    return WorkloadSpec(
        key=key_of(body),
        uid=meta.get("uid", ""),
        generation=meta.get("generation", 1),
        deleting="deletionTimestamp" in meta,
        kind=kind,
        priority=int(spec.get("priority", 0)),
        created=parse_time(meta.get("creationTimestamp")) or datetime.fromtimestamp(0, UTC),
        replicas=replicas,
        min_replicas=least,
        gpus_per_replica=int(gpu.get("perReplica", 0)),
        products=frozenset(gpu.get("products") or ()),
        memory_gib=int(gpu.get("memoryGiB", 0)),
        confidential_required=gpu.get("confidential") == "Required",
        completions=block.get("completions") if kind == BATCH else None,
        block=block,
        body=body,
    )


def _replicas(kind: str, block: Mapping[str, Any]) -> tuple[int, int]:
    if kind == INFERENCE:
        replicas = int(block.get("replicas", 1))
        return replicas, min(int(block.get("minReplicas", 1)), replicas)
    if kind == BATCH:
        parallelism = int(block.get("parallelism", 1))
        completions = int(block.get("completions", parallelism))
        replicas = min(parallelism, completions)
        return replicas, replicas if block.get("gang") else min(1, replicas)
    return 1, 1


def matches(selector: Mapping[str, str], body: Body) -> bool:
    """Whether an object's labels satisfy an equality selector; an empty selector matches nothing here."""
    labels = body["metadata"].get("labels") or {}
    return bool(selector) and all(labels.get(k) == v for k, v in selector.items())


def parse_time(text: str | None) -> datetime | None:
    """RFC 3339 to an aware datetime; None for nothing or nonsense."""
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_QUANTITY = re.compile(r"^(\d+)$")


def gpu_count(value: object) -> int:
    """GPUs of a resource list entry: extended resources are whole numbers; anything else counts as none."""
    match = _QUANTITY.match(str(value))
    return int(match.group(1)) if match else 0


def pod_gpus(spec: Mapping[str, Any]) -> int:
    """GPUs that a pod spec takes: its containers together, or its greediest init container if that is more."""

    def of(container: Mapping[str, Any]) -> int:
        resources = container.get("resources") or {}
        limits, requests = resources.get("limits") or {}, resources.get("requests") or {}
        return gpu_count(limits.get(names.GPU_RESOURCE, requests.get(names.GPU_RESOURCE, 0)))

    together = sum(of(c) for c in spec.get("containers") or ())
    return max([together, *(of(c) for c in spec.get("initContainers") or ())])
