"""PolicloudUnit: one micro data centre, as its owner describes it, and how it is."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from policloud.api.v1alpha1.common import (
    ApiModel,
    ApiObject,
    GiB,
    Name,
    NodeSelector,
    ObjectName,
    Product,
    Seconds,
    Watts,
    name_is_label_value,
)
from policloud.api.v1alpha1.energy_source import Overload
from policloud.api.v1alpha1.facility import Cooling, Heat, Policy
from policloud.api.v1alpha1.facts import Certifications, Exposures, LegalEntity, Location, Ownership
from policloud.api.v1alpha1.schema import Column, KindInfo, MapOf, Persisted, Rule, SetOf
from policloud.api.v1alpha1.unit_status import PolicloudUnitStatus

Block = Literal[
    "location", "operator", "ownership", "certifications", "exposures", "pools", "storage", "networkPolicy",
    "energy", "carbon",
]  # fmt: skip


class SourceShare(ApiModel):
    """This unit's part of a source that several units draw on."""

    source: ObjectName
    """EnergySource, one of `sources`."""
    percent: Annotated[int, Field(ge=1, le=100)]
    """Its part, in percent."""


class ElectricalBranch(ApiModel):
    """One branch of the unit's distribution."""

    name: Name
    """Name of the branch."""
    limit_watts: Annotated[Watts, Field(ge=1)]
    """Never exceeded, in watts."""
    node_selector: NodeSelector
    """Labels of the nodes that it feeds."""


class Electrical(ApiModel):
    """The electrical tree of the unit."""

    rules: ClassVar = (
        Rule(
            "self.otherMaxWatts < self.limitWatts",
            "`otherMaxWatts` must be less than `limitWatts`",
            "'otherMaxWatts ' + string(self.otherMaxWatts) + ' must be less than limitWatts '"
            " + string(self.limitWatts)",
            ".otherMaxWatts",
        ),
        Rule(
            "!has(self.branches) || self.branches.all(b, b.limitWatts <= self.limitWatts)",
            "no branch's `limitWatts` may be greater than the unit's",
            "'branch limits must not be greater than limitWatts ' + string(self.limitWatts) + ': '"
            " + self.branches.filter(b, b.limitWatts > self.limitWatts)"
            ".map(b, b.name + ' has ' + string(b.limitWatts)).join(', ')",
            ".branches",
        ),
        Rule(
            "!has(self.shares) || self.shares.all(s, s.source in self.sources)",
            "`shares` may only name sources in `sources`",
            "'shares may only name sources in [' + self.sources.join(', ') + '], not '"
            " + self.shares.filter(s, !(s.source in self.sources)).map(s, s.source).join(', ')",
            ".shares",
        ),
    )

    limit_watts: Annotated[Watts, Field(ge=1)]
    """Most that the whole unit may draw, in watts; never exceeded."""
    other_max_watts: Watts
    """Storage, network and controls at their worst, in watts."""
    fault_reserve_nodes: Annotated[int, Field(ge=0, le=1000)] = 1
    """Room is kept for so many nodes coming back at default power. Default 1."""
    safety_margin_percent: Annotated[int, Field(ge=0, le=50)] = 5
    """Share of the limit that is left unused. Default 5."""
    sources: Annotated[tuple[ObjectName, ...], Field(min_length=1, max_length=16), SetOf()]
    """EnergySources in this namespace, in order of use."""
    shares: Annotated[tuple[SourceShare, ...], Field(max_length=16), MapOf(("source",))] = ()
    """This unit's parts of shared sources. Default: by limitWatts of the units that name the source."""
    branches: Annotated[tuple[ElectricalBranch, ...], Field(max_length=64), MapOf(("name",))] = ()
    """Branches with limits of their own."""
    overload: Annotated[tuple[Overload, ...], Field(max_length=16), MapOf(("percent",))] = ()
    """Trip curve: how long which share of the breaker's rated current is survived."""


class PoolGPU(ApiModel):
    """The GPUs of a pool, all alike."""

    product: Product
    """As the label nvidia.com/gpu.product says, e.g. NVIDIA-L40S."""
    memory_gib: Annotated[int, Field(ge=1, le=4096)]
    """Memory of one GPU, in GiB."""
    per_node: Annotated[int, Field(ge=1, le=64)]
    """GPUs in one node."""
    confidential: bool | None = None
    """They can run in confidential mode. Default false."""


class PoolPower(ApiModel):
    """Power of one GPU and its host. A published unit shows maxWatts alone."""

    rules: ClassVar = (
        Rule(
            "!has(self.minWatts) || !has(self.failSafeWatts)"
            " || (self.minWatts <= self.failSafeWatts && self.failSafeWatts <= self.maxWatts)",
            "must be in order: `minWatts` <= `failSafeWatts` <= `maxWatts`",
            "'must be in order: minWatts ' + string(self.minWatts) + ' <= failSafeWatts '"
            " + string(self.failSafeWatts) + ' <= maxWatts ' + string(self.maxWatts)",
        ),
        Rule(
            "!has(self.hostIdleWatts) || !has(self.hostMaxWatts) || self.hostIdleWatts <= self.hostMaxWatts",
            "`hostIdleWatts` must not be greater than `hostMaxWatts`",
            "'hostIdleWatts ' + string(self.hostIdleWatts) + ' must not be greater than hostMaxWatts '"
            " + string(self.hostMaxWatts)",
            ".hostIdleWatts",
        ),
        Rule(
            "!has(self.parkedWatts) || !has(self.hostIdleWatts) || self.parkedWatts <= self.hostIdleWatts",
            "`parkedWatts` must not be greater than `hostIdleWatts`",
            "'parkedWatts ' + string(self.parkedWatts) + ' must not be greater than hostIdleWatts '"
            " + string(self.hostIdleWatts)",
            ".parkedWatts",
        ),
        Rule(
            "!has(self.minMHz) || !has(self.maxMHz) || self.minMHz <= self.maxMHz",
            "`minMHz` must not be greater than `maxMHz`",
            "'minMHz ' + string(self.minMHz) + ' must not be greater than maxMHz ' + string(self.maxMHz)",
            ".minMHz",
        ),
    )

    actuator: Literal["Auto", "Cap", "Clock", "Profile", "Redfish"] = "Auto"
    """What sets the power. Auto, the default: the best that the GPU offers."""
    min_watts: Watts = 0
    """Lowest cap that the GPU takes, in watts. Required unless published."""
    max_watts: Annotated[Watts, Field(ge=1, le=100_000)]
    """Rated draw of one GPU, in watts."""
    fail_safe_watts: Watts = 0
    """Cap that a node falls back to alone, in watts; between minWatts and maxWatts. Required unless published."""
    host_idle_watts: Watts = 0
    """One node without its GPUs, idle, in watts. Required unless published."""
    host_max_watts: Watts = 0
    """One node without its GPUs, at its worst, in watts. Required unless published."""
    parked_watts: Watts = 0
    """One node switched off, in watts. Default 0."""
    min_mhz: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Lowest clock lock, in MHz. Default: as read back."""
    max_mhz: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Highest clock, in MHz. Default: as read back."""
    overshoot_percent: Annotated[int, Field(ge=100, le=200)] | None = None
    """A cap counts as so much of itself. Default 125."""


class Parking(ApiModel):
    """When and how idle hardware is switched off."""

    granularity: Literal["GPU", "Node", "Never"]
    """What is switched off at once."""
    min_up_seconds: Seconds | None = None
    """Shortest time awake. Default 300."""
    min_down_seconds: Seconds | None = None
    """Shortest time off. Default 300."""
    wake_seconds: Seconds | None = None
    """From power-on to ready. Default 180."""


class Pool(ApiModel):
    """Nodes of one kind with GPUs of one kind."""

    name: Name
    """Name of the pool."""
    node_selector: NodeSelector = Field(default_factory=dict)
    """Labels of its nodes. Required unless published."""
    gpu: PoolGPU
    """Its GPUs."""
    phase: Literal["Mixed", "Prefill", "Decode", "Training"] | None = None
    """What it is best at. Default Mixed."""
    power: PoolPower
    """Power of one GPU and its host."""
    parking: Parking | None = None
    """When idle hardware is switched off. Default: never."""


class StorageClass(ApiModel):
    """Storage of one kind."""

    class_: Name
    """StorageClass of the cluster."""
    capacity_gib: GiB
    """Size, in GiB."""
    encrypted_at_rest: bool | None = None
    """Encrypted at rest. Absent means unknown, which fails a rule on it."""


class Federation(ApiModel):
    """What a joined site tells its hub."""

    publish: Annotated[tuple[Block, ...], Field(max_length=10), SetOf()] = ()
    """Blocks that the hub may see, of location, operator, ownership, certifications, exposures, pools, storage,
    networkPolicy, energy, carbon. Electrical tree, heat, policy and mandates never leave the site."""


_POWER = ("minWatts", "failSafeWatts", "hostIdleWatts", "hostMaxWatts")


class PolicloudUnitSpec(ApiModel):
    """What the micro-cloud is."""

    rules: ClassVar = (
        Rule(
            "(has(self.published) && self.published) || has(self.electrical)",
            "`electrical` must be set: without limits nothing may run",
            "'electrical must be set for unit model ' + self.model + ': without limits nothing may run'",
        ),
        Rule(
            "!(has(self.published) && self.published)"
            " || !(has(self.electrical) || has(self.heat) || has(self.policy) || has(self.cooling))",
            "a published copy must not hold the owner's private blocks (electrical, heat, policy, cooling)",
            "'a published copy must not hold the private blocks ['"
            " + ((has(self.electrical) ? ['electrical'] : []) + (has(self.heat) ? ['heat'] : [])"
            " + (has(self.policy) ? ['policy'] : []) + (has(self.cooling) ? ['cooling'] : [])).join(', ') + ']'",
        ),
        Rule(
            "(has(self.published) && self.published) || self.pools.all(p, has(p.nodeSelector) && "
            + " && ".join(f"has(p.power.{f})" for f in _POWER)
            + ")",
            "every pool needs `nodeSelector` and power.{minWatts, failSafeWatts, hostIdleWatts, hostMaxWatts}",
            "'pools need nodeSelector and power.{minWatts, failSafeWatts, hostIdleWatts, hostMaxWatts}, unlike '"
            " + self.pools.filter(p, !(has(p.nodeSelector) && "
            + " && ".join(f"has(p.power.{f})" for f in _POWER)
            + ")).map(p, p.name).join(', ')",
            ".pools",
        ),
        Rule(
            "!has(self.electrical) || !has(self.electrical.sources) || self.pools.all(p,"
            " p.gpu.perNode * p.power.maxWatts <= self.electrical.limitWatts)",
            "one node of a pool must not draw more than `electrical.limitWatts`",
            "'one node must not draw more than electrical.limitWatts ' + string(self.electrical.limitWatts) + ': '"
            " + self.pools.filter(p, p.gpu.perNode * p.power.maxWatts > self.electrical.limitWatts)"
            ".map(p, p.name + ' draws '"
            " + string(p.gpu.perNode * p.power.maxWatts)).join(', ')",
            ".pools",
        ),
        Rule(
            "self.published == oldSelf.published",
            "`published` must not be changed; make a new unit",
            "'published must not be changed from ' + string(oldSelf.published) + ' to ' + string(self.published)"
            " + '; make a new unit'",
            ".published",
        ),
    )

    published: Annotated[bool, Persisted()] = False
    """A copy that a site keeps on its hub, without the owner's private blocks. Set by the site alone."""
    model: Literal["P100", "P360", "P400", "Custom"]
    """Size of the container."""
    location: Location
    """Where it stands."""
    operator: LegalEntity
    """Who runs it."""
    ownership: Ownership | None = None
    """Who owns it, dated: the last entry that has begun holds. Absent means unknown."""
    certifications: Certifications | None = None
    """What it is certified for. Absent means unknown."""
    exposures: Exposures | None = None
    """Laws of third countries that reach its operator, e.g. US-CLOUD-Act. [] means none, absent means unknown."""
    electrical: Electrical | None = None
    """Limits and sources. Required unless published."""
    pools: Annotated[tuple[Pool, ...], Field(min_length=1, max_length=32), MapOf(("name",))]
    """Its GPU nodes."""
    storage: Annotated[tuple[StorageClass, ...], Field(max_length=16), MapOf(("class",))] = ()
    """Its storage."""
    cooling: Cooling | None = None
    """How heat leaves the container."""
    heat: Heat | None = None
    """Who takes the heat, and for how much."""
    policy: Policy | None = None
    """How the owner wants it to be run."""
    network_policy: Literal["Enforced", "None"] | None = None
    """Whether the cluster's network plugin enforces NetworkPolicies. Absent means unknown."""
    federation: Federation | None = None
    """What a joined site tells its hub. Default: nothing, so nothing is offered."""


class PolicloudUnit(ApiObject):
    """A micro data centre: place, owners, electrical tree, GPU pools, heat. Applied by its owner at the site.

    The site keeps a copy on its hub, without the private blocks.
    """

    info: ClassVar = KindInfo(
        short_name="pcu",
        conditions=(
            "Ready", "Reconciling", "Stalled", "PoolsMatched", "HubConnected",
            "BudgetHeld", "TelemetryFresh", "ActuatorsVerified",
        ),
        selectable=(".spec.published", ".spec.location.country", ".spec.model"),
        columns=(
            Column("Ready", '.status.conditions[?(@.type=="Ready")].status'),
            Column("Reason", '.status.conditions[?(@.type=="Ready")].reason'),
            Column("Source", ".status.energy.source"),
            Column("Power", ".status.summary.power", description="Used over available power"),
            Column("GPUs", ".status.summary.gpus", description="GPUs in use over those there are"),
            Column("Carbon", ".status.energy.gramsPerKWh", "integer", "Grams of CO2 equivalent per kWh"),
            Column("Workloads", ".status.summary.workloads", description="Local + federated"),
            Column("Last seen", ".status.hub.lastContact", "date", "Last contact of site and hub"),
            Column("Model", ".spec.model", wide=True),
            Column("Country", ".spec.location.country", wide=True),
            Column("Operator", ".spec.operator.name", wide=True),
            Column("Nodes", ".status.summary.nodes", wide=True),
            Column("Message", '.status.conditions[?(@.type=="Ready")].message', wide=True),
            Column("Age", ".metadata.creationTimestamp", "date"),
        ),
    )  # fmt: skip

    root_rules: ClassVar = (name_is_label_value(),)
    kind: Literal["PolicloudUnit"] = "PolicloudUnit"
    spec: PolicloudUnitSpec
    status: PolicloudUnitStatus = Field(default_factory=PolicloudUnitStatus)
