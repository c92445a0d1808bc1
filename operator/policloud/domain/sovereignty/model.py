"""Facts about a unit and rules of a workload, as plain values. A missing fact is None: unknown, never assumed."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from policloud.domain.reasons import Reason


@dataclass(frozen=True, slots=True)
class Owner:
    name: str
    jurisdiction: str | None
    share_percent: Decimal


@dataclass(frozen=True, slots=True)
class OwnershipPeriod:
    """Owners from a day on; the last period that has begun holds."""

    begins: date
    owners: tuple[Owner, ...]


@dataclass(frozen=True, slots=True)
class Certification:
    scheme: str
    valid_until: date | None  # None: no end stated, so unknown, so it does not count
    level: str | None = None
    scope: str | None = None


@dataclass(frozen=True, slots=True)
class UnitFacts:
    """What a rule may look at. On the hub: attested facts narrowed by published ones; on a site: its own unit."""

    country: str | None = None  # ISO 3166-1 alpha-2
    subdivision: str | None = None  # ISO 3166-2
    operator_jurisdiction: str | None = None
    ownership: tuple[OwnershipPeriod, ...] | None = None
    certifications: tuple[Certification, ...] | None = None
    exposures: frozenset[str] | None = None
    encrypted_at_rest: bool | None = None
    network_policy_enforced: bool | None = None


@dataclass(frozen=True, slots=True)
class CertificationRule:
    any_of: frozenset[str]


@dataclass(frozen=True, slots=True)
class SovereigntyRules:
    """A workload's law. None means: no rule on that. Countries, subdivisions or groups (EU, EEA) in every set."""

    location_allow: frozenset[str] | None = None
    location_deny: frozenset[str] = frozenset()
    operator_allow: frozenset[str] | None = None
    operator_deny: frozenset[str] = frozenset()
    ownership_allow: frozenset[str] | None = None
    max_foreign_share_each_percent: Decimal | None = None  # owners outside ownership_allow, each
    max_foreign_share_total_percent: Decimal | None = None  # and together
    exposures_deny: frozenset[str] = frozenset()
    certifications: tuple[CertificationRule, ...] = ()
    residency: frozenset[str] | None = None  # where data may lie
    volume_residency: tuple[frozenset[str], ...] = ()  # and where each volume with a rule of its own may
    encrypted_at_rest: bool = False
    egress_denied: bool = False


@dataclass(frozen=True, slots=True)
class Breach:
    """One rule that does not hold, in words a tenant can act on."""

    reason: Reason
    measured: str
    required: str
    margin: str = ""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """All breaches in order of precedence; empty means lawful. `holds_until`: day after which it would not be."""

    breaches: tuple[Breach, ...] = field(default=())
    holds_until: date | None = None

    @property
    def lawful(self) -> bool:
        return not self.breaches
