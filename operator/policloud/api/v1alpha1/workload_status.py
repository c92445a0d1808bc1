"""Status of a SovereignWorkload: where it runs, why there, what it used."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from policloud.api.v1alpha1.common import (
    ApiModel,
    CamelWord,
    Count,
    Counter,
    Currency,
    Digest,
    Grams,
    Money,
    Name,
    ObjectName,
    StatusModel,
    Text,
    WattHours,
    Watts,
)
from policloud.api.v1alpha1.schema import Atomic, MapOf

PlacementState = Literal["Offered", "Pending", "Running", "Suspended", "Draining", "Released"]


class PlacementStatus(ApiModel):
    """A share of the work on one unit."""

    site: Name
    """Site, by the name of its membership; "local" on a site's own cluster."""
    unit: ObjectName
    """PolicloudUnit."""
    replicas: Count
    """Replicas granted there."""
    ready_replicas: Count | None = None
    """Of these, ready."""
    state: PlacementState
    """How it is there."""
    watts: Watts | None = None
    """Rated draw of its GPUs there, in watts."""
    offer: ObjectName | None = None
    """WorkOffer, in namespace site-<site>."""
    since: AwareDatetime | None = None
    """When it came to this state."""


class UnitVerdict(ApiModel):
    """Why (not) one unit."""

    site: Name
    """Site."""
    unit: ObjectName
    """PolicloudUnit."""
    verdict: Literal["Fits", "NotNow", "Never"]
    """Fits: could take it. NotNow: time may change it. Never: only an edit may."""
    reason: CamelWord | None = None
    """In one stable word, e.g. InsufficientPower."""
    measured: Text | None = None
    """What was found, e.g. 400 W."""
    required: Text | None = None
    """What is needed, e.g. 1800 W."""
    margin: Text | None = None
    """How far apart they are, e.g. -1400 W."""
    earliest: AwareDatetime | None = None
    """When it could fit, by forecast."""


class DecisionStatus(ApiModel):
    """The last placement decision."""

    at: AwareDatetime
    """When."""
    snapshot: Digest | None = None
    """Of what it was made from, so that it can be replayed."""
    fits: Count
    """Units that law and hardware allow, whether there is room now or not."""
    of: Count
    """Units looked at."""
    reasons: Annotated[dict[str, Count], Field(max_length=64)] = Field(default_factory=dict)
    """Units by the reason that they were not chosen."""
    units: Annotated[tuple[UnitVerdict, ...], Field(max_length=20), MapOf(("site", "unit"))] = ()
    """The 20 nearest to fitting. `policloud why` shows all."""
    relaxations: Annotated[tuple[Text, ...], Field(max_length=8), Atomic()] = ()
    """Smallest single edits that would place it."""


class Usage(ApiModel):
    """What it used so far. Written at most every 15 minutes."""

    energy_watt_hours: WattHours | None = None
    """Energy, in watt hours."""
    grams_co2e_location: Grams | None = None
    """Carbon, location based, in grams of CO2 equivalent."""
    grams_co2e_market: Grams | None = None
    """Carbon, market based, in grams of CO2 equivalent."""
    gpu_seconds: Counter | None = None
    """GPU seconds."""
    cost: Money | None = None
    """Cost, as a decimal string in `currency`."""
    currency: Currency | None = None
    """ISO 4217."""


class BatchStatus(ApiModel):
    """Pods of a batch."""

    succeeded: Count = 0
    """Done."""
    failed: Count = 0
    """Failed."""
    active: Count = 0
    """Running."""


class WorkloadSummary(ApiModel):
    """Ready to print by kubectl get."""

    replicas: Annotated[str, Field(max_length=32)] | None = None
    """Ready over wanted, e.g. 2/6."""
    units: Annotated[str, Field(max_length=128)] | None = None
    """Where it runs, e.g. cannes-1,dijon-1."""
    power: Annotated[str, Field(max_length=32)] | None = None
    """Rated draw of its GPUs, e.g. 1.1 kW."""


class SovereignWorkloadStatus(StatusModel):
    """Where it runs and why there."""

    replicas: Count | None = None
    """Replicas granted, on all units."""
    ready_replicas: Count | None = None
    """Of these, ready."""
    selector: Annotated[str, Field(max_length=512)] | None = None
    """Label selector of its pods, for the scale subresource."""
    watts: Watts | None = None
    """Rated draw of its GPUs, in watts."""
    placements: Annotated[tuple[PlacementStatus, ...], Field(max_length=256), MapOf(("site", "unit"))] = ()
    """Where it runs."""
    decision: DecisionStatus | None = None
    """Why there and not elsewhere."""
    usage: Usage | None = None
    """What it used so far."""
    batch: BatchStatus | None = None
    """With class Batch."""
    summary: WorkloadSummary | None = None
    """Ready to print."""
