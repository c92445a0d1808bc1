"""SiteMandate: what a site accepts from the federation. It stays on the site; the hub never sees it."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from policloud.api.v1alpha1.common import (
    ApiModel,
    ApiObject,
    Classification,
    ClockTime,
    Count,
    Days,
    HubID,
    ObjectName,
    Percent,
    Seconds,
    StatusModel,
    Watts,
    WorkloadClass,
)
from policloud.api.v1alpha1.schema import Atomic, Column, Form, KindInfo, MapOf, Rule, SetOf

Registry = Annotated[
    str,
    Field(min_length=1, max_length=253, pattern=r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]+)?(/[a-z0-9._-]+)*$"),
    Form("a host, perhaps with port and path, without a scheme, as in registry.example.org/team"),
]


class MandateTenant(ApiModel):
    """One tenant that is let in, with its limits."""

    hub: HubID
    """Hub ID."""
    tenant: ObjectName
    """Namespace on that hub."""
    max_gpus: Count | None = None
    """GPUs at once, at most. Default: as many as the mandate allows."""
    max_watts: Watts | None = None
    """Rated draw of its GPUs at most, in watts. Default: as much as the mandate allows."""


class Hours(ApiModel):
    """Hours of the week, local time of the unit."""

    rules: ClassVar = (
        Rule(
            "self.from < self.to",
            "`from` must be before `to`; write hours over midnight as two entries",
            "'from ' + self.from + ' must be before to ' + self.to + '; write hours over midnight as two entries'",
        ),
    )

    days: Days
    """Days of the week, e.g. Mon-Sun or Sat,Sun."""
    from_: ClockTime
    """First minute, HH:MM, e.g. "00:00"."""
    to: ClockTime
    """HH:MM, up to "24:00"."""


class SiteMandateSpec(ApiModel):
    """What is let in: an offer must be admitted wholly by one mandate."""

    rules: ClassVar = (
        Rule(
            "!has(self.maxWatts) || !has(self.tenants)"
            " || self.tenants.all(t, !has(t.maxWatts) || t.maxWatts <= self.maxWatts)",
            "no tenant's `maxWatts` may be greater than the mandate's",
            "'no tenant may have a maxWatts above that of the mandate, ' + string(self.maxWatts) + ': '"
            " + self.tenants.filter(t, has(t.maxWatts) && t.maxWatts > self.maxWatts)"
            ".map(t, t.hub + '/' + t.tenant + ' has ' + string(t.maxWatts)).join(', ')",
            ".tenants",
        ),
    )

    tenants: Annotated[tuple[MandateTenant, ...], Field(max_length=256), MapOf(("hub", "tenant"))] = ()
    """Who is let in. None listed: nobody."""
    classes: Annotated[tuple[WorkloadClass, ...], Field(max_length=3), SetOf()] | None = None
    """Classes of work. Default: all."""
    data_classifications: Annotated[tuple[Classification, ...], Field(max_length=5), SetOf()] | None = None
    """Classifications of data. Default: all. Work without one counts as Internal."""
    image_registries: Annotated[tuple[Registry, ...], Field(max_length=64), SetOf()] | None = None
    """Registries that images may come from, host and path prefix. Default: any."""
    hours: Annotated[tuple[Hours, ...], Field(max_length=32), Atomic()] | None = None
    """When new work is let in. Default: always."""
    max_gpus_percent: Percent | None = None
    """Share of the site's GPUs that the federation may use at once. Default 100."""
    max_watts: Watts | None = None
    """Rated draw of all federated GPUs at most, in watts. Default: any."""
    min_battery_percent: Percent | None = None
    """Nothing new below this charge. Default 0."""
    withdrawal_notice_seconds: Seconds = 900
    """Notice given to work that an edit no longer admits. Default 900."""


class SiteMandateStatus(StatusModel):
    """What runs under it."""

    gpus: Count | None = None
    """GPUs in use."""
    watts: Watts | None = None
    """Rated draw of these, in watts."""
    workloads: Count | None = None
    """Workloads admitted."""


class SiteMandate(ApiObject):
    """What a site accepts from the federation. Applied by the owner at the site; without one nothing is accepted."""

    info: ClassVar = KindInfo(
        short_name="mandate",
        conditions=("Ready", "Reconciling", "Stalled"),
        columns=(
            Column("Ready", '.status.conditions[?(@.type=="Ready")].status'),
            Column("Reason", '.status.conditions[?(@.type=="Ready")].reason'),
            Column("Workloads", ".status.workloads", "integer"),
            Column("GPUs", ".status.gpus", "integer"),
            Column("Watts", ".status.watts", "integer"),
            Column("Max GPUs %", ".spec.maxGPUsPercent", "integer", wide=True),
            Column("Max watts", ".spec.maxWatts", "integer", wide=True),
            Column("Message", '.status.conditions[?(@.type=="Ready")].message', wide=True),
            Column("Age", ".metadata.creationTimestamp", "date"),
        ),
    )

    kind: Literal["SiteMandate"] = "SiteMandate"
    spec: SiteMandateSpec
    status: SiteMandateStatus = Field(default_factory=SiteMandateStatus)
