"""The law of a SovereignWorkload: every rule here is hard, and a fact that is unknown fails it."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from policloud.api.v1alpha1.common import (
    ApiModel,
    Classification,
    Exposure,
    GiB,
    Name,
    ObjectName,
    PercentShare,
    Place,
    Scheme,
    Seconds,
)
from policloud.api.v1alpha1.schema import Atomic, MapOf, Rule, SetOf

Places = Annotated[tuple[Place, ...], Field(min_length=1, max_length=64), SetOf()]


class PlaceRule(ApiModel):
    """Countries (FR), subdivisions (FR-47) or groups of countries (EU, EEA)."""

    rules: ClassVar = (
        Rule(
            "has(self.allow) || has(self.deny)",
            "`allow` or `deny` must be set",
            "'allow or deny must be set' + (has(self.allow) ? ', not ' + self.allow.join(', ') : '')",
        ),
    )

    allow: Places | None = None
    """Only these. Default: all."""
    deny: Places | None = None
    """None of these, also where `allow` has them."""


class OwnershipRule(ApiModel):
    """Who may own the unit, with thresholds for the rest (as in SecNumCloud 3.2: 24 and 39)."""

    rules: ClassVar = (
        Rule(
            "!has(self.maxForeignShareEachPercent) || !has(self.maxForeignShareTotalPercent)"
            " || !(self.maxForeignShareEachPercent + self.maxForeignShareTotalPercent).matches('^[0-9.]+$')"
            " || double(self.maxForeignShareEachPercent) <= double(self.maxForeignShareTotalPercent)",
            "`maxForeignShareEachPercent` must not be greater than `maxForeignShareTotalPercent`",
            "'maxForeignShareEachPercent ' + self.maxForeignShareEachPercent"
            " + ' must not be greater than maxForeignShareTotalPercent ' + self.maxForeignShareTotalPercent",
        ),
    )

    allow: Places
    """Jurisdictions of owners; all others are foreign."""
    max_foreign_share_each_percent: PercentShare | None = None
    """Most that one foreign owner may hold, e.g. "24". With neither threshold set, none may hold anything."""
    max_foreign_share_total_percent: PercentShare | None = None
    """Most that all foreign owners may hold, e.g. "39". With neither threshold set, none may hold anything."""


class ExposureRule(ApiModel):
    """Laws of third countries that must not reach the operator."""

    deny: Annotated[tuple[Exposure, ...], Field(min_length=1, max_length=16), SetOf()]
    """Laws by country and name, e.g. US-CLOUD-Act, US-FISA-702."""


class CertificationRule(ApiModel):
    """One of these must hold, for as long as the work runs."""

    any_of: Annotated[tuple[Scheme, ...], Field(min_length=1, max_length=16), SetOf()]
    """Schemes, e.g. [HDS, SecNumCloud]."""


class DataSource(ApiModel):
    """Data that is read, and where it lies."""

    name: Name
    """Name of the data."""
    unit: ObjectName
    """PolicloudUnit that holds it."""
    size_gib: GiB
    """Size, in GiB; weighs in placement."""


class DataRule(ApiModel):
    """What data is touched and where it may lie."""

    classification: Classification
    """The most sensitive that is touched: Public, Internal, Personal, Health or Classified."""
    residency: Places | None = None
    """Where data may lie; it never leaves. Default: as location.allow."""
    encrypted_at_rest: bool | None = None
    """Storage must be encrypted at rest. Default false."""
    sources: Annotated[tuple[DataSource, ...], Field(max_length=32), MapOf(("name",))] = ()
    """Where data lies already."""


class EgressRule(ApiModel):
    """Whether the work may open connections out of its cluster."""

    policy: Literal["Allow", "Deny"]
    """Deny: a NetworkPolicy lets out DNS and the namespace only; units that enforce none do not fit."""


class Sovereignty(ApiModel):
    """The law: hard rules, evaluated by hub and site, daily and on every change."""

    location: PlaceRule | None = None
    """Where the hardware may stand. Default: anywhere."""
    operator: PlaceRule | None = None
    """Under whose law the operator may be. Default: any."""
    ownership: OwnershipRule | None = None
    """Who may own the unit. Default: anybody."""
    exposures: ExposureRule | None = None
    """Laws that must not reach the operator. Default: no rule."""
    certifications: Annotated[tuple[CertificationRule, ...], Field(max_length=16), Atomic()] = ()
    """Each entry must be met by one certificate."""
    data: DataRule | None = None
    """What data is touched and where it may lie."""
    egress: EgressRule | None = None
    """Connections out of the cluster. Default Allow."""
    drain_notice_seconds: Seconds | None = None
    """How long work may still run when a rule no longer holds where it is. Default 300."""
