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
    subject = Subject("location", place_of(facts), Reason.LOCATION_NOT_ALLOWED)
    yield from _listed_breaches(subject, rules.location_allow, rules.location_deny, day)


def operator_breaches(rules: SovereigntyRules, facts: UnitFacts, day: date) -> Iterator[tuple[str, Breach]]:
    """Breaches of the rules on the operator's jurisdiction."""
    subject = Subject("operator", Place(facts.operator_jurisdiction), Reason.OPERATOR_NOT_ALLOWED)
    yield from _listed_breaches(subject, rules.operator_allow, rules.operator_deny, day)


def residency_breaches(rules: SovereigntyRules, facts: UnitFacts, day: date) -> Iterator[tuple[str, Breach]]:
    """Breaches of the rules on where data may lie: it lies where the unit stands."""
    subject = Subject("location", place_of(facts), Reason.DATA_NOT_RESIDENT)
    for index, allowed in enumerate((rules.residency, *rules.volume_residency)):
        if allowed is not None:
            inside = within(subject.place, allowed, day)
            if inside is not Truth.YES:
                yield f"residency[{index}]", subject.breach(inside, f"data in {listed(allowed)}")


@dataclass(frozen=True, slots=True)
class Subject:
    """What a rule on places is about, and the reason when it does not hold."""

    name: str
    place: Place
    reason: Reason

    def breach(self, truth: Truth, required: str) -> Breach:
        """The breach, or that it cannot be known."""
        if truth is Truth.UNKNOWN:
            return Breach(Reason.FACT_UNKNOWN, f"{self.name} {self.place}", required)
        return Breach(self.reason, str(self.place), required)


def _listed_breaches(
    subject: Subject, allow: frozenset[str] | None, deny: frozenset[str], day: date
) -> Iterator[tuple[str, Breach]]:
    if allow is not None:
        inside = within(subject.place, allow, day)
        if inside is not Truth.YES:
            yield f"{subject.name}.allow", subject.breach(inside, listed(allow))
    if deny:
        inside = within(subject.place, deny, day)
        if inside is not Truth.NO:
            outside = Truth.NO if inside is Truth.YES else Truth.UNKNOWN
            yield f"{subject.name}.deny", subject.breach(outside, f"not {listed(deny)}")
