"""Facts of units and rules of workloads, from their bodies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from policloud.api.convert.values import Body, block, day, decimal, names
from policloud.domain.sovereignty.model import (
    Certification,
    CertificationRule,
    Owner,
    OwnershipPeriod,
    SovereigntyRules,
    UnitFacts,
)
from policloud.domain.sovereignty.narrow import narrow


def facts_on_site(unit: Body) -> UnitFacts:
    """What a site knows of its own PolicloudUnit: the owner's word."""
    spec = block(unit, "spec")
    plugin = spec.get("networkPolicy")
    return replace(
        attested_facts(spec),
        encrypted_at_rest=_encrypted(spec.get("storage") or ()),
        network_policy_enforced=None if plugin is None else plugin == "Enforced",
    )


def attested_facts(entry: Body) -> UnitFacts:
    """What the platform team vouches for: one entry of `spec.attested` of a SiteMembership."""
    location = block(entry, "location")
    return UnitFacts(
        country=location.get("country"),
        subdivision=location.get("subdivision"),
        operator_jurisdiction=block(entry, "operator").get("jurisdiction"),
        ownership=_ownership(entry.get("ownership")),
        certifications=_certifications(entry.get("certifications")),
        exposures=names(entry.get("exposures")),
        encrypted_at_rest=entry.get("encryptedAtRest"),
        network_policy_enforced=entry["networkPolicy"] == "Enforced" if "networkPolicy" in entry else None,
    )


def facts_on_hub(unit: Body, membership: Body | None) -> UnitFacts:
    """The facts that the hub's rules use: attested in the membership, narrowed by what the unit publishes.

    A unit without an attested entry has no facts at all, so every rule that needs one fails.
    """
    name = block(unit, "metadata").get("name")
    for entry in block(membership or {}, "spec").get("attested") or ():
        if entry.get("unit") == name:
            return narrow(attested_facts(entry), facts_on_site(unit))
    return UnitFacts()


def rules_of(spec: Body) -> SovereigntyRules:
    """The law of a SovereignWorkload, from its spec."""
    law = block(spec, "sovereignty")
    ownership = block(law, "ownership")
    data = block(law, "data")
    volumes = spec.get("storage") or ()
    return SovereigntyRules(
        location_allow=names(block(law, "location").get("allow")),
        location_deny=names(block(law, "location").get("deny")) or frozenset(),
        operator_allow=names(block(law, "operator").get("allow")),
        operator_deny=names(block(law, "operator").get("deny")) or frozenset(),
        ownership_allow=names(ownership.get("allow")),
        max_foreign_share_each_percent=decimal(ownership.get("maxForeignShareEachPercent")),
        max_foreign_share_total_percent=decimal(ownership.get("maxForeignShareTotalPercent")),
        exposures_deny=names(block(law, "exposures").get("deny")) or frozenset(),
        certifications=tuple(
            CertificationRule(frozenset(c.get("anyOf") or ())) for c in law.get("certifications") or ()
        ),
        residency=names(data.get("residency")),
        volume_residency=tuple(frozenset(v["residency"]) for v in volumes if v.get("residency")),
        encrypted_at_rest=bool(data.get("encryptedAtRest")) or any(v.get("encryptedAtRest") for v in volumes),
        egress_denied=block(law, "egress").get("policy") == "Deny",
    )


def _encrypted(storage: Iterable[Mapping[str, Any]]) -> bool | None:
    """Whether there is storage that is encrypted at rest; None if no class says yes and not every one says no."""
    stated = [s.get("encryptedAtRest") for s in storage]
    if any(stated):
        return True
    return False if stated and None not in stated else None


def _ownership(periods: Iterable[Mapping[str, Any]] | None) -> tuple[OwnershipPeriod, ...] | None:
    if periods is None:
        return None
    return tuple(
        OwnershipPeriod(
            begins=day(period.get("from")) or date.min,
            owners=tuple(
                Owner(
                    name=str(owner.get("name", "")),
                    jurisdiction=owner.get("jurisdiction"),
                    share_percent=decimal(owner.get("sharePercent")) or Decimal(0),
                )
                for owner in period.get("owners") or ()
            ),
        )
        for period in periods
    )


def _certifications(held: Iterable[Mapping[str, Any]] | None) -> tuple[Certification, ...] | None:
    if held is None:
        return None
    return tuple(
        Certification(
            scheme=str(c.get("scheme", "")),
            valid_until=day(c.get("validUntil")),
            level=c.get("level"),
            scope=c.get("scope"),
        )
        for c in held
    )
