"""Facts the law looks at: stated by an owner in a unit, vouched for by the platform team in a membership."""

from __future__ import annotations

from datetime import date
from typing import Annotated, ClassVar

from pydantic import Field

from policloud.api.v1alpha1.common import (
    ApiModel,
    Country,
    Exposure,
    Name,
    PercentShare,
    Scheme,
    Subdivision,
    Text,
)
from policloud.api.v1alpha1.schema import Form, MapOf, Rule, SetOf

Coordinate = Annotated[
    str,
    Field(max_length=24, pattern=r"^-?[0-9]{1,3}(\.[0-9]{1,6})?$"),
    Form("degrees with at most 6 decimal places, as in 44.10"),
]
TimeZone = Annotated[
    str,
    Field(max_length=64, pattern=r"^(UTC|[A-Za-z]+(/[A-Za-z0-9_+-]+){1,2})$"),
    Form("an IANA time zone, as in Europe/Paris"),
]


class Location(ApiModel):
    """Where the hardware stands."""

    rules: ClassVar = (
        Rule(
            "!has(self.subdivision) || self.subdivision.startsWith(self.country + '-')",
            "`subdivision` must lie in `country`",
            "'subdivision ' + self.subdivision + ' must lie in country ' + self.country",
            ".subdivision",
        ),
        Rule(
            "!has(self.latitude) || !self.latitude.matches('^-?[0-9.]+$')"
            " || (double(self.latitude) >= -90.0 && double(self.latitude) <= 90.0)",
            "`latitude` must be from -90 to 90",
            "'latitude must be from -90 to 90, not ' + self.latitude",
            ".latitude",
        ),
        Rule(
            "!has(self.longitude) || !self.longitude.matches('^-?[0-9.]+$')"
            " || (double(self.longitude) >= -180.0 && double(self.longitude) <= 180.0)",
            "`longitude` must be from -180 to 180",
            "'longitude must be from -180 to 180, not ' + self.longitude",
            ".longitude",
        ),
    )

    country: Country
    """ISO 3166-1 alpha-2, e.g. FR."""
    subdivision: Subdivision | None = None
    """ISO 3166-2, within `country`, e.g. FR-47."""
    region: Name | None = None
    """Latency region, as workloads name it in placement.latency.regions, e.g. eu-west."""
    latitude: Coordinate | None = None
    """Degrees north as a decimal string, -90 to 90, e.g. "44.10"."""
    longitude: Coordinate | None = None
    """Degrees east as a decimal string, -180 to 180, e.g. "0.35"."""
    time_zone: TimeZone | None = None
    """IANA time zone; hours in mandates and tariffs are local to it, e.g. Europe/Paris. Default UTC."""


class LegalEntity(ApiModel):
    """A company, city or association under one law."""

    name: Annotated[Text, Field(min_length=1)]
    """Its legal name."""
    jurisdiction: Country | None = None
    """Where it is seated, ISO 3166-1 alpha-2. Absent means unknown, which fails every rule on it."""


class Owner(LegalEntity):
    """One owner and its share."""

    share_percent: PercentShare
    """Share of capital or votes, whichever is larger, as a decimal string from 0 to 100, e.g. "24.5"."""


class OwnershipPeriod(ApiModel):
    """Who owns the unit from a day on, until the next entry begins."""

    rules: ClassVar = (
        Rule(
            "self.owners.exists(o, !o.sharePercent.matches('^[0-9.]+$'))"
            " || self.owners.map(o, double(o.sharePercent)).sum() <= 100.000001",
            "shares of `owners` must not add up to more than 100 percent",
            "'shares of owners must not add up to more than 100 percent, here '"
            " + string(self.owners.map(o, double(o.sharePercent)).sum())",
            ".owners",
        ),
    )

    from_: date
    """First day, e.g. "2026-01-01"."""
    owners: Annotated[tuple[Owner, ...], Field(min_length=1, max_length=16), MapOf(("name",))]
    """Every owner; what is missing to 100 percent counts as unknown."""


class Certification(ApiModel):
    """One certificate."""

    scheme: Scheme
    """As workloads name it, e.g. ISO27001, HDS, SecNumCloud."""
    level: Text | None = None
    """Level within the scheme, e.g. high."""
    scope: Text | None = None
    """What it covers, e.g. hosting."""
    valid_until: date | None = None
    """Last day on which it holds. Absent means unknown, and then it does not count."""


Ownership = Annotated[tuple[OwnershipPeriod, ...], Field(max_length=16), MapOf(("from",))]
Certifications = Annotated[tuple[Certification, ...], Field(max_length=32), MapOf(("scheme",))]
Exposures = Annotated[tuple[Exposure, ...], Field(max_length=16), SetOf()]
