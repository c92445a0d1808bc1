"""Rules on where: the unit, its operator and the data that would lie in it.

Each judgement has three outcomes, because a fact may be missing: holds, does not hold, cannot be known.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from enum import Enum

from policloud.domain.reasons import Reason
from policloud.domain.sovereignty.groups import expand
from policloud.domain.sovereignty.model import Breach, SovereigntyRules, UnitFacts

UNKNOWN = "unknown"


class Truth(Enum):
    """Three-valued logic: a missing fact makes a statement neither true nor false."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Place:
    """A country and, if known, the part of it."""

    country: str | None
    subdivision: str | None = None

    def __str__(self) -> str:
        if self.country is None:
            return UNKNOWN
        return self.subdivision or self.country


def place_of(facts: UnitFacts) -> Place:
    """Where the unit stands; a subdivision of another country is a contradiction, so nothing is known."""
    if facts.country is None:
        return Place(None)
    if facts.subdivision is not None and not facts.subdivision.startswith(facts.country + "-"):
        return Place(None)
    return Place(facts.country, facts.subdivision)


def within(place: Place, codes: frozenset[str], day: date) -> Truth:
    """Whether the place lies in any of the countries, subdivisions or groups."""
    places = expand(codes, day)
    if place.country is None:
        return Truth.UNKNOWN
    if place.country in places or place.subdivision in places:
        return Truth.YES
    if place.subdivision is None and any(code.startswith(place.country + "-") for code in places):
        return Truth.UNKNOWN
    return Truth.NO


def listed(codes: frozenset[str]) -> str:
    """`[DE, FR]`: a set as people read it."""
    return "[" + ", ".join(sorted(codes)) + "]"


def location_breaches(rules: SovereigntyRules, facts: UnitFacts, day: date) -> Iterator[tuple[str, Breach]]:
    """Breaches of the allow and the deny list; deny wins over allow."""
    place = place_of(facts)
    if rules.location_allow is not None:
        inside = within(place, rules.location_allow, day)
        if inside is not Truth.YES:
            required = listed(rules.location_allow)
            yield (
                "location.allow",
                _breach(inside, Reason.LOCATION_NOT_ALLOWED, f"location {place}", str(place), required),
            )
    if rules.location_deny:
        inside = within(place, rules.location_deny, day)
        if inside is not Truth.NO:
            outside = Truth.NO if inside is Truth.YES else Truth.UNKNOWN
            required = "not " + listed(rules.location_deny)
            yield (
                "location.deny",
                _breach(outside, Reason.LOCATION_NOT_ALLOWED, f"location {place}", str(place), required),
            )


def operator_breaches(rules: SovereigntyRules, facts: UnitFacts, day: date) -> Iterator[tuple[str, Breach]]:
    """The breach of the rule on the operator's jurisdiction, if any."""
    if rules.operator_allow is None:
        return
    seat = Place(facts.operator_jurisdiction)
    inside = within(seat, rules.operator_allow, day)
    if inside is not Truth.YES:
        required = listed(rules.operator_allow)
        yield (
            "operator",
            _breach(inside, Reason.OPERATOR_NOT_ALLOWED, f"operator jurisdiction {seat}", str(seat), required),
        )


def residency_breaches(rules: SovereigntyRules, facts: UnitFacts, day: date) -> Iterator[tuple[str, Breach]]:
    """The breach of the rule on where data may lie, if any: data lies where the unit stands."""
    if rules.residency is None:
        return
    place = place_of(facts)
    inside = within(place, rules.residency, day)
    if inside is not Truth.YES:
        required = "data in " + listed(rules.residency)
        yield "residency", _breach(inside, Reason.DATA_NOT_RESIDENT, f"location {place}", str(place), required)


def _breach(truth: Truth, reason: Reason, unknown: str, measured: str, required: str) -> Breach:
    if truth is Truth.UNKNOWN:
        return Breach(Reason.FACT_UNKNOWN, unknown, required)
    return Breach(reason, measured, required)
