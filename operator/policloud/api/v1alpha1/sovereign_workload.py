"""SovereignWorkload: what to run, on how many of which GPUs, under which law, by when, how flexible its energy is."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AwareDatetime, Field

from policloud.api.v1alpha1.common import (
    ApiModel,
    ApiObject,
    Classification,
    Currency,
    GiB,
    GramsPerKWh,
    Identifier,
    Name,
    Percent,
    Port,
    PositiveMoney,
    Product,
    Seconds,
    Weight,
    WorkloadClass,
    name_is_label_value,
)
from policloud.api.v1alpha1.schema import Column, Embedded, Form, KindInfo, MapOf, Persisted, Rule, Scale, SetOf
from policloud.api.v1alpha1.sovereignty import Places, Sovereignty
from policloud.api.v1alpha1.workload_status import SovereignWorkloadStatus

Template = Annotated[dict[str, Any], Embedded()]
Replicas = Annotated[int, Field(ge=0, le=10_000)]


class ServiceLevel(ApiModel):
    """What users of an inference service wait for."""

    ttft_p95_milliseconds: Annotated[int, Field(ge=1, le=600_000)] | None = None
    """Time to first token, 95th percentile."""
    itl_p95_milliseconds: Annotated[int, Field(ge=1, le=60_000)] | None = None
    """Time between two tokens, 95th percentile."""


class Inference(ApiModel):
    """A service: a Deployment, and a Service if `port` is set. May be shared over units."""

    rules: ClassVar = (
        Rule(
            "!has(self.minReplicas) || self.minReplicas <= self.replicas",
            "`minReplicas` must not be greater than `replicas`",
            "'minReplicas ' + string(self.minReplicas) + ' must not be greater than replicas ' + string(self.replicas)",
            ".minReplicas",
        ),
    )

    replicas: Annotated[Replicas, Persisted()] = 1
    """Copies wanted, 0 to 10000. Default 1."""
    min_replicas: Replicas | None = None
    """Fewer than these are not worth running; at most `replicas`. Default 1."""
    port: Port | None = None
    """Port of the container that a Service exposes. Default: no Service."""
    slo: ServiceLevel | None = None
    """What its users wait for."""
    context_class: Literal["Short", "Medium", "Long"] | None = None
    """Length of prompts, which decides how watts turn into tokens. Default Medium."""
    template: Template
    """Pod template (metadata, spec), checked by the site's API server."""


class Checkpoint(ApiModel):
    """How the work saves its state."""

    notice_seconds: Seconds
    """Warning it needs before it is stopped."""
    every_seconds: Annotated[Seconds, Field(ge=1)] | None = None
    """How often it saves by itself."""


class Batch(ApiModel):
    """A Job, whole on one unit."""

    rules: ClassVar = (
        Rule(
            "self.parallelism <= self.completions",
            "`parallelism` must not be greater than `completions`",
            "'parallelism ' + string(self.parallelism) + ' must not be greater than completions '"
            " + string(self.completions)",
            ".parallelism",
        ),
    )

    completions: Annotated[int, Field(ge=1, le=100_000), Persisted()] = 1
    """Pods that must succeed. Default 1."""
    parallelism: Annotated[int, Field(ge=1, le=10_000), Persisted()] = 1
    """Pods at once, at most; a unit may grant fewer unless `gang`. At most `completions`. Default 1."""
    gang: bool | None = None
    """All of `parallelism` at once or none. Default false."""
    estimated_gpu_hours: PositiveMoney | None = None
    """GPU hours in all, as a decimal string, e.g. "480"."""
    deadline: AwareDatetime | None = None
    """When it must be done, RFC 3339, e.g. 2026-12-04T18:00:00Z."""
    backoff_limit: Annotated[int, Field(ge=0, le=1000)] | None = None
    """Failed pods before the Job fails. Default 6."""
    checkpoint: Checkpoint | None = None
    """How it saves its state."""
    template: Template
    """Pod template (metadata, spec), checked by the site's API server."""


class VirtualMachine(ApiModel):
    """A KubeVirt VirtualMachine, whole on one unit."""

    template: Template
    """VirtualMachineInstance template (metadata, spec), checked by the site's API server."""


class WorkloadGPU(ApiModel):
    """GPUs of one replica; the limits in the template are filled in from here."""

    per_replica: Annotated[int, Field(ge=0, le=64)]
    """GPUs of one pod, 0 to 64, all in one node."""
    products: Annotated[tuple[Product, ...], Field(max_length=16), SetOf()] = ()
    """Products that will do, e.g. NVIDIA-L40S. Default: any."""
    memory_gib: Annotated[int, Field(ge=0, le=4096)] | None = None
    """Memory of one GPU at least, in GiB. Default: any."""
    confidential: Literal["NotRequired", "Preferred", "Required"] | None = None
    """GPUs in confidential mode. Default NotRequired."""


class Volume(ApiModel):
    """Storage of its own, one PersistentVolumeClaim."""

    name: Name
    """Name of the volume."""
    size_gib: Annotated[GiB, Field(ge=1)]
    """Size, in GiB."""
    mount_path: (
        Annotated[str, Field(min_length=1, max_length=512, pattern=r"^/[^:]*$"), Form("an absolute path")] | None
    ) = None
    """Where the first container sees it. Default: mounted by the template itself."""
    class_: Name | None = None
    """StorageClass. Default: one of the unit that meets the rules."""
    classification: Classification | None = None
    """What lies on it. Default: as sovereignty.data."""
    residency: Places | None = None
    """Where it may lie. Default: as sovereignty.data."""
    encrypted_at_rest: bool | None = None
    """Must be encrypted at rest. Default: as sovereignty.data."""


class Spread(ApiModel):
    """How far replicas are spread."""

    over: Literal["Unit", "Site", "Region", "Country"]
    """What is lost together."""
    max_per_domain: Annotated[int, Field(ge=1, le=10_000)]
    """Replicas in one of these at most."""


class Latency(ApiModel):
    """How near it must be."""

    regions: Annotated[tuple[Name, ...], Field(min_length=1, max_length=16), SetOf()]
    """Latency regions it serves, as units name theirs."""
    max_milliseconds: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Round trip from there at most. Default: in the region."""


class Weights(ApiModel):
    """What a good place is, as weights from 0 to 100."""

    cost: Weight | None = None
    """Weight of money. Default 40."""
    carbon: Weight | None = None
    """Weight of carbon. Default 40."""
    latency: Weight | None = None
    """Weight of latency. Default 20."""


class Placement(ApiModel):
    """Where and how it moves."""

    spread: Spread | None = None
    """How far replicas are spread. Default: not at all."""
    mobility: Annotated[Literal["Pinned", "Preferred", "Free"], Persisted()] = "Preferred"
    """Pinned: never moved. Preferred, the default: only by a release that its site confirms. Free: replaced when its
    site is lost."""
    exclusive: bool | None = None
    """Never two at once, even across a partition: the site suspends it first. Default false."""
    latency: Latency | None = None
    """How near it must be. Default: anywhere."""
    weights: Weights | None = None
    """What a good place is."""


class EnergyWish(ApiModel):
    """How flexible its use of energy is."""

    flexibility: Literal["Rigid", "Hour", "Day", "Week", "Elastic", "Spatial"]
    """Rigid: as it is. Hour, Day, Week: may wait so long. Elastic: half to twice the power. Spatial: may move for
    it."""
    min_power_share_percent: Percent | None = None
    """Least share of the rated GPU power that it gets. Default 0."""
    max_slowdown_percent: Annotated[int, Field(ge=0, le=1000)] | None = None
    """How much longer it may take at less power. Default: any."""
    interruptible: bool | None = None
    """May be stopped and resumed for energy. Default: false for Inference, true for Batch."""
    curve: Identifier | None = None
    """Measured curve of work by power. Default: by GPU product."""


class Budget(ApiModel):
    """Limits set by the tenant; hard."""

    max_price_per_gpu_hour: PositiveMoney | None = None
    """Decimal string in `currency`, e.g. "2.40"."""
    max_price_per_hour: PositiveMoney | None = None
    """For all replicas together, decimal string in `currency`."""
    currency: Currency | None = None
    """ISO 4217. Default EUR."""
    max_grams_per_kwh: GramsPerKWh | None = None
    """Most carbon in a kWh, in grams of CO2 equivalent."""
    max_grams_per_thousand_tokens: PositiveMoney | None = None
    """Most carbon in 1000 tokens, in grams as a decimal string."""


_BLOCKS = (("inference", "Inference"), ("batch", "Batch"), ("virtualMachine", "VirtualMachine"))


class SovereignWorkloadSpec(ApiModel):
    """What to run, where it may, and how."""

    rules: ClassVar = (
        Rule(
            " && ".join(f"has(self.{b}) == (self.class == '{c}')" for b, c in _BLOCKS),
            "exactly the block of `class` must be set: inference, batch or virtualMachine",
            "'class ' + self.class + ' needs exactly the block ' + {'Inference': 'inference', 'Batch': 'batch',"
            " 'VirtualMachine': 'virtualMachine'}[self.class] + ', not ['"
            " + (" + " + ".join(f"(has(self.{b}) ? ['{b}'] : [])" for b, _ in _BLOCKS) + ").join(', ') + ']'",
        ),
        Rule(
            "self.class == oldSelf.class",
            "`class` must not be changed; make a new workload",
            "'class must not be changed from ' + oldSelf.class + ' to ' + self.class + '; make a new workload'",
            ".class",
        ),
        Rule(
            "!has(self.placement) || !has(self.placement.spread) || self.class == 'Inference'",
            "`placement.spread` is for class Inference: the others are placed whole on one unit",
            "'placement.spread is for class Inference, not ' + self.class + ', which is placed whole on one unit'",
            ".placement.spread",
        ),
        Rule(
            "self.class != 'VirtualMachine' || !has(self.placement) || self.placement.mobility != 'Free'",
            "`placement.mobility` Free is not for class VirtualMachine: its disks stay where they are",
            "'placement.mobility ' + self.placement.mobility + ' is not for class ' + self.class"
            " + ': its disks stay where they are'",
            ".placement.mobility",
        ),
        Rule(
            "!has(self.energy) || !has(self.energy.interruptible) || !self.energy.interruptible"
            " || self.energy.flexibility != 'Rigid'",
            "`energy.interruptible` needs a `flexibility` other than Rigid",
            "'energy.interruptible true needs a flexibility other than ' + self.energy.flexibility",
            ".energy",
        ),
    )

    class_: WorkloadClass
    """Inference, Batch or VirtualMachine: which of the blocks below is set. Cannot be changed."""
    priority: Annotated[int, Field(ge=0, le=1000), Persisted()] = 500
    """0 to 1000; when power or GPUs are short, the least goes first. Default 500."""
    inference: Inference | None = None
    """A service."""
    batch: Batch | None = None
    """A job."""
    virtual_machine: VirtualMachine | None = None
    """A virtual machine."""
    gpu: WorkloadGPU
    """GPUs of one replica."""
    sovereignty: Sovereignty = Field(default_factory=Sovereignty)
    """The law: hard rules. Default: none."""
    storage: Annotated[tuple[Volume, ...], Field(max_length=16), MapOf(("name",))] = ()
    """Volumes of its own."""
    placement: Placement = Field(default_factory=Placement)
    """Where and how it moves."""
    energy: EnergyWish | None = None
    """How flexible its use of energy is. Default Rigid."""
    budget: Budget | None = None
    """Limits set by the tenant."""


class SovereignWorkload(ApiObject):
    """Work and the law it runs under. On a hub it is placed on units of the federation, on a site on the site's own."""

    info: ClassVar = KindInfo(
        short_name="swl",
        conditions=("Ready", "Placed", "Reconciling", "Stalled"),
        selectable=(".spec.class",),
        scale=Scale(".spec.inference.replicas", ".status.replicas", ".status.selector"),
        columns=(
            Column("Ready", '.status.conditions[?(@.type=="Ready")].status'),
            Column("Reason", '.status.conditions[?(@.type=="Ready")].reason'),
            Column("Replicas", ".status.summary.replicas", description="Ready over wanted"),
            Column("Units", ".status.summary.units", description="Where it runs"),
            Column("Power", ".status.summary.power", description="Rated draw of its GPUs"),
            Column("Class", ".spec.class", wide=True),
            Column("Priority", ".spec.priority", "integer", wide=True),
            Column("GPUs", ".spec.gpu.perReplica", "integer", "GPUs of one replica", wide=True),
            Column("Deadline", ".spec.batch.deadline", wide=True),
            Column("Cost", ".status.usage.cost", wide=True),
            Column("Wh", ".status.usage.energyWattHours", "integer", wide=True),
            Column("Message", '.status.conditions[?(@.type=="Ready")].message', wide=True),
            Column("Age", ".metadata.creationTimestamp", "date"),
        ),
    )

    root_rules: ClassVar = (name_is_label_value(),)
    kind: Literal["SovereignWorkload"] = "SovereignWorkload"
    spec: SovereignWorkloadSpec
    status: SovereignWorkloadStatus = Field(default_factory=SovereignWorkloadStatus)

    @property
    def wanted_replicas(self) -> int:
        """Copies wanted at once: replicas of Inference, parallelism of Batch, 1 VirtualMachine."""
        if self.spec.inference:
            return self.spec.inference.replicas
        return self.spec.batch.parallelism if self.spec.batch else 1
