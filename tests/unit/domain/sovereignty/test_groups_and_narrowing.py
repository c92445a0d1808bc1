"""Groups of countries over time, and how publishing narrows what is attested."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from policloud.domain.sovereignty.evaluate import evaluate
from policloud.domain.sovereignty.groups import GROUPS, expand
from policloud.domain.sovereignty.model import Certification, Owner, OwnershipPeriod, SovereigntyRules, UnitFacts
from policloud.domain.sovereignty.narrow import narrow


@pytest.mark.parametrize(
    ("group", "day", "size"),
    [
        ("EU", "1958-01-01", 6),
        ("EU", "1973-01-01", 9),
        ("EU", "1995-01-01", 15),
        ("EU", "2004-05-01", 25),
        ("EU", "2007-01-01", 27),
        ("EU", "2013-07-01", 28),
        ("EU", "2020-01-31", 28),
        ("EU", "2020-02-01", 27),
        ("EU", "2026-11-24", 27),
        ("EEA", "1993-12-31", 0),
        ("EEA", "2020-01-31", 31),
        ("EEA", "2026-11-24", 30),
    ],
)
def test_members_on_a_day(group: str, day: str, size: int) -> None:
    assert len(GROUPS[group].on(date.fromisoformat(day))) == size


def test_who_is_not_in() -> None:
    now = date(2026, 11, 24)
    assert expand(frozenset({"EU"}), now).isdisjoint({"GB", "CH", "NO", "IS", "LI"})
    assert expand(frozenset({"EEA"}), now) - expand(frozenset({"EU"}), now) == {"NO", "IS", "LI"}
    assert expand(frozenset({"EU", "CH", "US-TX"}), now) >= {"FR", "CH", "US-TX"}


def test_a_country_that_leaves_ends_what_was_lawful() -> None:
    facts = UnitFacts(country="GB")
    result = evaluate(SovereigntyRules(location_allow=frozenset({"EU"})), facts, today=date(2020, 1, 1))
    assert result.lawful
    assert result.holds_until == date(2020, 1, 31)


def period(begins: str, *shares: tuple[str, str, str]) -> OwnershipPeriod:
    return OwnershipPeriod(date.fromisoformat(begins), tuple(Owner(n, j, Decimal(s)) for n, j, s in shares))


ATTESTED = UnitFacts(
    country="FR",
    subdivision="FR-21",
    operator_jurisdiction="FR",
    ownership=(period("2026-01-01", ("City", "FR", "100")),),
    certifications=(Certification("HDS", date(2027, 6, 30)), Certification("ISO27001", date(2028, 1, 1))),
    exposures=frozenset({"US-CLOUD-Act"}),
)
SAME = replace(ATTESTED, encrypted_at_rest=True, network_policy_enforced=True)


def test_publishing_the_same_changes_nothing_and_tells_of_the_machine() -> None:
    assert narrow(ATTESTED, SAME) == SAME


def test_publishing_nothing_takes_nothing_away() -> None:
    assert narrow(ATTESTED, UnitFacts()) == ATTESTED


def test_publishing_attests_nothing() -> None:
    assert narrow(UnitFacts(), ATTESTED) == UnitFacts()


def test_exposures_add_up() -> None:
    told = replace(ATTESTED, exposures=frozenset({"US-FISA-702"}))
    assert narrow(ATTESTED, told).exposures == {"US-CLOUD-Act", "US-FISA-702"}
    assert narrow(ATTESTED, replace(ATTESTED, exposures=frozenset())).exposures == {"US-CLOUD-Act"}


def test_a_certificate_needs_both_and_ends_with_the_earlier() -> None:
    told = (Certification("HDS", date(2026, 12, 31)), Certification("C5", date(2030, 1, 1)))
    assert narrow(ATTESTED, replace(ATTESTED, certifications=told)).certifications == (
        Certification("HDS", date(2026, 12, 31)),
    )
    longer = (Certification("HDS", date(2031, 1, 1)),)
    kept = narrow(ATTESTED, replace(ATTESTED, certifications=longer)).certifications
    assert kept == (Certification("HDS", date(2027, 6, 30)),)
    assert narrow(ATTESTED, replace(ATTESTED, certifications=())).certifications == ()


@pytest.mark.parametrize("field", ["country", "subdivision", "operator_jurisdiction"])
def test_a_contradiction_leaves_nothing_known(field: str) -> None:
    assert getattr(narrow(ATTESTED, replace(ATTESTED, **{field: "DE"})), field) is None  # type: ignore[arg-type]


def test_owners_that_differ_are_unknown_from_the_day_they_differ() -> None:
    sale = (*(ATTESTED.ownership or ()), period("2026-12-01", ("City", "FR", "100"), ("Heir", "FR", "0")))
    merged = narrow(ATTESTED, replace(ATTESTED, ownership=sale))
    rules = SovereigntyRules(ownership_allow=frozenset({"FR"}))
    result = evaluate(rules, merged, today=date(2026, 11, 24))
    assert result.lawful
    assert result.holds_until == date(2026, 11, 30)


def test_owners_in_another_order_are_the_same() -> None:
    two = (period("2026-01-01", ("A", "FR", "60"), ("B", "FR", "40.0")),)
    swapped = (period("2026-01-01", ("B", "FR", "40"), ("A", "FR", "60")),)
    assert narrow(UnitFacts(ownership=two), UnitFacts(ownership=swapped)).ownership == two


@pytest.mark.parametrize(
    ("attested", "published", "expected"),
    [(None, True, True), (None, None, None), (True, None, True), (True, False, False), (False, True, False)],
)
def test_facts_of_the_machine(
    attested: bool | None,  # noqa: FBT001
    published: bool | None,  # noqa: FBT001
    expected: bool | None,  # noqa: FBT001
) -> None:
    merged = narrow(UnitFacts(encrypted_at_rest=attested), UnitFacts(encrypted_at_rest=published))
    assert merged.encrypted_at_rest is expected
