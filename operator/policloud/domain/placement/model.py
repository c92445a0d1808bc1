"""Snapshot in, decision out: the frozen values placement works on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from policloud.domain.reasons import Reason, Verdict
from policloud.domain.sovereignty.model import SovereigntyRules, UnitFacts


@dataclass(frozen=True, slots=True)
class PoolView:
    """GPUs of one product in a unit, as free for placement before this snapshot's own reservations."""

    name: str
    product: str
    memory_gib: int
    per_node: int
    free_by_node: tuple[int, ...]  # free GPUs of each ready node, largest first
    total_gpus: int  # also those in use: what the unit could hold empty
    watts_per_gpu: int  # rated draw that one more GPU in use adds
    confidential: bool = False


@dataclass(frozen=True, slots=True)
class Reservation:
    """GPUs and watts of a unit that are spoken for but not yet seen in what the unit reports as used."""

    products: tuple[str, ...]  # empty: any product of the unit
    gpus_per_replica: int
    replicas: int
    watts: int


@dataclass(frozen=True, slots=True)
class UnitView:
    """One unit as the planner sees it. Free = capacity - everything running or reserved by open offers."""

    site: str
    unit: str
    facts: UnitFacts
    pools: tuple[PoolView, ...]
    free_watts: int
    total_watts: int  # what the unit could give to GPUs with nothing running and its sources full
    region: str | None = None
    latency_ms: Mapping[str, int] = field(default_factory=dict)
    price_per_kwh: Decimal | None = None  # in `currency`
    currency: str = "EUR"
    price_per_gpu_hour: Decimal | None = None
    grams_per_kwh: int | None = None
    storage_classes_gib: Mapping[str, int] = field(default_factory=dict)
    encrypted_gib: int = 0
    serves_virtual_machines: bool = True
    # Why the unit takes nothing new at all, if so (membership, freshness, readiness), with the measured value
    closed: Reason | None = None
    closed_detail: str = ""
    power_back_at: datetime | None = None  # by forecast, when unknown None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A site's own no to one workload: reason and until when not to ask again."""

    reason: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class DataSource:
    unit: str
    size_gib: int


@dataclass(frozen=True, slots=True)
class WorkloadView:
    """One workload that wants replicas. `wanted` counts those still to be placed by this decision."""

    uid: str
    namespace: str
    name: str
    kind: str  # Inference, Batch, VirtualMachine
    priority: int
    created: datetime
    rules: SovereigntyRules
    replicas: int  # as asked for in the spec
    min_replicas: int
    gpus_per_replica: int
    products: frozenset[str]  # empty: any
    memory_gib: int
    confidential_required: bool
    splittable: bool  # Inference: over units; Batch and VirtualMachine: whole on one unit
    gang: bool
    running: Mapping[str, int] = field(default_factory=dict)  # unit -> replicas held or reserved there
    refusals: Mapping[str, Refusal] = field(default_factory=dict)  # unit -> its last no
    spread_over: str | None = None  # Unit, Site, Region, Country
    spread_max_per_domain: int | None = None
    latency_regions: frozenset[str] | None = None
    latency_max_ms: int | None = None
    weights: Mapping[str, int] = field(default_factory=dict)  # cost, carbon, latency
    data: tuple[DataSource, ...] = ()
    storage_gib: int = 0
    encrypted_storage_gib: int = 0  # of that, what must be encrypted at rest
    storage_by_class_gib: Mapping[str, int] = field(default_factory=dict)  # and what names its StorageClass
    runs_until: datetime | None = None  # certificates must hold until then; None: until further notice
    deadline: datetime | None = None
    estimated_gpu_hours: Decimal | None = None
    max_price_per_gpu_hour: Decimal | None = None
    budget_currency: str = "EUR"
    max_grams_per_kwh: int | None = None
    unmeasured_limits: tuple[str, ...] = ()  # limits on what nobody measures yet: no unit can meet them
    avoid_units: frozenset[str] = frozenset()  # must leave these (release under way): not offered again now


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything a decision may depend on. `now` is part of it: placement reads no clock."""

    now: datetime
    units: tuple[UnitView, ...]
    workloads: tuple[WorkloadView, ...]
    rates: Mapping[str, Decimal] = field(default_factory=dict)  # euros for one of that currency; EUR is always 1


@dataclass(frozen=True, slots=True)
class UnitVerdict:
    """Why (not) one unit, for one workload: the line a tenant reads."""

    site: str
    unit: str
    verdict: Verdict
    reason: Reason | None = None  # None only with FITS
    measured: str = ""
    required: str = ""
    margin: str = ""
    earliest: datetime | None = None
    score: float | None = None  # euros per GPU and hour, lower is better; only with FITS
    shortfall: float | None = None  # what is missing as a share of what is required, where that is a number


@dataclass(frozen=True, slots=True)
class Assignment:
    """`replicas` more of a workload on a unit."""

    site: str
    unit: str
    replicas: int
    gpus: int
    typical_watts: int
    max_watts: int
    products: tuple[str, ...]  # of the pools that this plan fills, cheapest in watts first
    gpus_by_pool: tuple[tuple[str, int], ...] = ()  # pool name and GPUs, in the same order


@dataclass(frozen=True, slots=True)
class WorkloadDecision:
    """For one workload: where the missing replicas go, and a verdict of every unit of the snapshot."""

    uid: str
    assignments: tuple[Assignment, ...]
    unplaced: int
    verdicts: tuple[UnitVerdict, ...]
    relaxations: tuple[str, ...] = ()  # smallest single changes that would place it


@dataclass(frozen=True, slots=True)
class Decision:
    """The whole round. `snapshot` is sha256 of the canonical snapshot, so that it can be replayed."""

    snapshot: str
    workloads: Mapping[str, WorkloadDecision]  # by uid
