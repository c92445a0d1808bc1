"""Status of a PolicloudUnit: what works, what it draws, what it holds."""

from __future__ import annotations

from typing import Annotated

from pydantic import AwareDatetime, Field

from policloud.api.v1alpha1.common import (
    Acceptance,
    ApiModel,
    Count,
    Currency,
    GramsPerKWh,
    HubID,
    Money,
    Name,
    ObjectName,
    Product,
    SignedWatts,
    StatusModel,
    Text,
    Uid,
    Watts,
)
from policloud.api.v1alpha1.schema import MapOf


class GPUCounts(ApiModel):
    """GPUs of the whole unit."""

    total: Count = 0
    """On all its nodes."""
    ready: Count = 0
    """On nodes that are Ready."""
    used: Count = 0
    """Taken by work."""
    local: Count = 0
    """Of these, by the site's own work."""
    federated: Count = 0
    """Of these, by the federation's work."""


class NodeCounts(ApiModel):
    """Nodes of the whole unit."""

    total: Count = 0
    """Nodes that its pools select."""
    ready: Count = 0
    """Of these, Ready."""


class FreeNodes(ApiModel):
    """How many ready nodes have so many GPUs free."""

    free: Count
    """GPUs free."""
    nodes: Count
    """Ready nodes with so many free."""


class PoolStatus(ApiModel):
    """One pool as found."""

    name: Name
    """As in spec.pools."""
    product: Product | None = None
    """Product of its GPUs."""
    memory_gib: Annotated[int, Field(ge=0, le=4096)] | None = None
    """Memory of one GPU, in GiB."""
    per_node: Count | None = None
    """GPUs in one node."""
    nodes: Count = 0
    """Nodes that it selects."""
    ready_nodes: Count = 0
    """Of these, Ready."""
    gpus: Count = 0
    """GPUs on them."""
    gpus_ready: Count = 0
    """GPUs on nodes that are Ready."""
    gpus_used: Count = 0
    """GPUs taken by work."""
    free_by_node: Annotated[tuple[FreeNodes, ...], Field(max_length=65), MapOf(("free",))] = ()
    """Ready nodes by how many GPUs are free on them."""


class PowerStatus(ApiModel):
    """Power of the unit. Written by the governor alone."""

    limit_watts: Watts | None = None
    """spec.electrical.limitWatts less the safety margin, in watts."""
    source_watts: Watts | None = None
    """Its share of what its sources give now, in watts."""
    available_watts: Watts | None = None
    """What it may draw in all: the smaller of the two, in watts."""
    base_watts: Watts | None = None
    """Hosts, cooling and everything but GPUs in use, at their worst, in watts."""
    used_watts: Watts | None = None
    """baseWatts and the rated draw of GPUs in use, in watts."""
    free_watts: SignedWatts | None = None
    """What more GPUs may take, in watts; negative: something has to go."""
    floor_watts: Watts | None = None
    """Lowest power that can be reached within 5 s, in watts."""
    source: Text | None = None
    """Which source bounds it, or Limit."""
    observed_at: AwareDatetime | None = None
    """When the sources were read."""


class EnergyStatus(ApiModel):
    """What a kWh is here and now."""

    source: Text | None = None
    """Sources in use, e.g. Wind."""
    grams_per_kwh: GramsPerKWh | None = None
    """Grams of CO2 equivalent per kWh."""
    price_per_kwh: Money | None = None
    """Price, as a decimal string in `currency`."""
    currency: Currency | None = None
    """ISO 4217."""


class WorkloadCounts(ApiModel):
    """SovereignWorkloads on the unit."""

    local: Count = 0
    """The site's own."""
    federated: Count = 0
    """The federation's."""


class HeldWork(ApiModel):
    """Federated work that the unit carries out."""

    hub: HubID
    """Whose it is."""
    namespace: ObjectName
    """Namespace of the SovereignWorkload on that hub."""
    name: ObjectName
    """Name of the SovereignWorkload on that hub."""
    uid: Uid | None = None
    """UID of the SovereignWorkload on that hub."""
    offer: ObjectName | None = None
    """Name of the WorkOffer."""
    acceptance: Acceptance | None = None
    """The acceptance that it runs under."""
    replicas: Count = 0
    """Replicas granted."""
    gpus: Count = 0
    """GPUs granted."""
    watts: Watts = 0
    """Watts granted."""


class HubLink(ApiModel):
    """The site's view of its hub."""

    id: HubID | None = None
    """Which hub."""
    connected: bool | None = None
    """Whether the site reaches it."""
    last_contact: AwareDatetime | None = None
    """When it last did."""


class UnitSummary(ApiModel):
    """Ready to print by kubectl get."""

    power: Annotated[str, Field(max_length=32)] | None = None
    """Used over available power, e.g. 86 / 300 kW."""
    gpus: Annotated[str, Field(max_length=32)] | None = None
    """Used over all, e.g. 88/104."""
    nodes: Annotated[str, Field(max_length=32)] | None = None
    """Ready over all, e.g. 13/13."""
    workloads: Annotated[str, Field(max_length=32)] | None = None
    """Local + federated, e.g. 2+5."""


class PolicloudUnitStatus(StatusModel):
    """How the unit is. `power` and the conditions BudgetHeld, TelemetryFresh, ActuatorsVerified are the governor's."""

    gpus: GPUCounts | None = None
    """GPUs of the whole unit."""
    nodes: NodeCounts | None = None
    """Nodes of the whole unit."""
    pools: Annotated[tuple[PoolStatus, ...], Field(max_length=32), MapOf(("name",))] = ()
    """Pool by pool."""
    power: PowerStatus | None = None
    """Power now."""
    energy: EnergyStatus | None = None
    """What a kWh is here and now."""
    workloads: WorkloadCounts | None = None
    """Work on it."""
    held: Annotated[tuple[HeldWork, ...], Field(max_length=512), MapOf(("hub", "namespace", "name"))] = ()
    """Federated work that it carries out."""
    hub: HubLink | None = None
    """Its hub."""
    summary: UnitSummary | None = None
    """Ready to print."""
