"""Attested facts narrowed by what a site publishes: publishing can take trust away, never add any."""

from __future__ import annotations

from collections import Counter
from datetime import date
from decimal import Decimal

from policloud.domain.sovereignty.model import Certification, OwnershipPeriod, UnitFacts
from policloud.domain.sovereignty.ownership import period_on


def narrow(attested: UnitFacts, published: UnitFacts) -> UnitFacts:
    """The facts that the hub's rules look at.

    - What is not attested stays unknown; where the two contradict each other, nothing is known.
    - Exposures add up. A certificate counts if both name it, until the earlier of the two last days.
    - Owners count on the days on which both name the same; on other days the whole is in unknown hands.
    - What a site does not publish (None) takes nothing away.
    - Encryption and enforcement of network policies are facts of the machine, not of its owner: where the platform
      team attests neither yes nor no, what the site publishes counts.
    """
    country = _same(attested.country, published.country)
    return UnitFacts(
        country=country,
        subdivision=_same(attested.subdivision, published.subdivision) if country is not None else None,
        operator_jurisdiction=_same(attested.operator_jurisdiction, published.operator_jurisdiction),
        ownership=_owners(attested.ownership, published.ownership),
        certifications=_certifications(attested.certifications, published.certifications),
        exposures=_union(attested.exposures, published.exposures),
        encrypted_at_rest=_both(attested=attested.encrypted_at_rest, published=published.encrypted_at_rest),
        network_policy_enforced=_both(
            attested=attested.network_policy_enforced, published=published.network_policy_enforced
        ),
    )


def _same(attested: str | None, published: str | None) -> str | None:
    return attested if published is None or published == attested else None


def _union(attested: frozenset[str] | None, published: frozenset[str] | None) -> frozenset[str] | None:
    return None if attested is None else attested | (published or frozenset())


def _both(*, attested: bool | None, published: bool | None) -> bool | None:
    if attested is None:
        return published
    return attested if published is None else attested and published


def _certifications(
    attested: tuple[Certification, ...] | None, published: tuple[Certification, ...] | None
) -> tuple[Certification, ...] | None:
    if attested is None or published is None:
        return attested
    kept = []
    for c in attested:
        named = [p for p in published if p.scheme == c.scheme and c.level in {None, p.level}]
        if named:
            kept.append(Certification(c.scheme, _earlier(c.valid_until, named), c.level, c.scope))
    return tuple(kept)


def _earlier(attested: date | None, named: list[Certification]) -> date | None:
    if attested is None:
        return None
    ends = [p.valid_until for p in named]
    latest = None if None in ends else max(end for end in ends if end is not None)
    return attested if latest is None else min(attested, latest)


def _owners(
    attested: tuple[OwnershipPeriod, ...] | None, published: tuple[OwnershipPeriod, ...] | None
) -> tuple[OwnershipPeriod, ...] | None:
    if attested is None or published is None:
        return attested
    merged = []
    for day in sorted({p.begins for p in (*attested, *published)}):
        ours, theirs = period_on(attested, day), period_on(published, day)
        if ours is None:
            continue
        agreed = theirs is None or _shares(ours) == _shares(theirs)
        merged.append(OwnershipPeriod(day, ours.owners if agreed else ()))
    return tuple(merged)


def _shares(period: OwnershipPeriod) -> Counter[tuple[str, str | None, Decimal]]:
    return Counter((o.name, o.jurisdiction, o.share_percent.normalize()) for o in period.owners)
