"""The law, rule by rule: what holds, what does not, what cannot be known, and what a tenant reads."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from policloud.domain.sovereignty.evaluate import evaluate
from policloud.domain.sovereignty.model import (
    Certification,
    CertificationRule,
    Owner,
    OwnershipPeriod,
    SovereigntyRules,
    UnitFacts,
)

TODAY = date(2026, 11, 24)
FRIDAY = date(2026, 12, 4)


def owners(begins: str, *shares: tuple[str, str | None, str]) -> OwnershipPeriod:
    return OwnershipPeriod(date.fromisoformat(begins), tuple(Owner(n, j, Decimal(s)) for n, j, s in shares))


ROUGELINE = UnitFacts(
    country="FR",
    subdivision="FR-47",
    operator_jurisdiction="FR",
    ownership=(owners("2026-01-01", ("Paysans", "FR", "100")),),
    certifications=(Certification("ISO27001", date(2028, 6, 30)),),
    exposures=frozenset(),
    encrypted_at_rest=True,
    network_policy_enforced=True,
)


def codes(*names: str) -> frozenset[str]:
    return frozenset(names)


def first(rules: SovereigntyRules, facts: UnitFacts = ROUGELINE, until: date | None = None) -> tuple[str, ...]:
    """Reason, measured, required and margin of the first breach; empty if lawful."""
    breaches = evaluate(rules, facts, today=TODAY, until=until).breaches
    return (
        (breaches[0].reason.value, *(breaches[0].measured, breaches[0].required, breaches[0].margin))
        if breaches
        else ()
    )


def test_no_rules_no_breach_even_without_any_fact() -> None:
    assert first(SovereigntyRules(), UnitFacts()) == ()


@pytest.mark.parametrize(
    ("rules", "facts", "expected"),
    [
        (SovereigntyRules(location_allow=codes("FR")), {}, ()),
        (SovereigntyRules(location_allow=codes("EU")), {}, ()),
        (SovereigntyRules(location_allow=codes("FR-47")), {}, ()),
        (SovereigntyRules(location_allow=codes("FR-06")), {}, ("LocationNotAllowed", "FR-47", "[FR-06]", "")),
        (
            SovereigntyRules(location_allow=codes("FR-47")),
            {"subdivision": None},
            ("FactUnknown", "location FR", "[FR-47]", ""),
        ),
        (
            SovereigntyRules(location_allow=codes("FR")),
            {"country": "US", "subdivision": "US-TX"},
            ("LocationNotAllowed", "US-TX", "[FR]", ""),
        ),
        (
            SovereigntyRules(location_allow=codes("FR")),
            {"country": None, "subdivision": None},
            ("FactUnknown", "location unknown", "[FR]", ""),
        ),
        (SovereigntyRules(location_deny=codes("EEA")), {}, ("LocationNotAllowed", "FR-47", "not [EEA]", "")),
        (
            SovereigntyRules(location_deny=codes("FR-47")),
            {"subdivision": None},
            ("FactUnknown", "location FR", "not [FR-47]", ""),
        ),
        (
            SovereigntyRules(location_allow=codes("EU"), location_deny=codes("FR")),
            {},
            ("LocationNotAllowed", "FR-47", "not [FR]", ""),
        ),
        (SovereigntyRules(operator_allow=codes("DE", "ES")), {}, ("OperatorNotAllowed", "FR", "[DE, ES]", "")),
        (SovereigntyRules(operator_deny=codes("EU")), {}, ("OperatorNotAllowed", "FR", "not [EU]", "")),
        (
            SovereigntyRules(operator_allow=codes("EU")),
            {"operator_jurisdiction": None},
            ("FactUnknown", "operator unknown", "[EU]", ""),
        ),
        (SovereigntyRules(residency=codes("DE")), {}, ("DataNotResident", "FR-47", "data in [DE]", "")),
        (SovereigntyRules(volume_residency=(codes("DE"),)), {}, ("DataNotResident", "FR-47", "data in [DE]", "")),
        (
            SovereigntyRules(exposures_deny=codes("US-CLOUD-Act")),
            {"exposures": codes("US-CLOUD-Act")},
            ("ExposureDenied", "US-CLOUD-Act", "none of [US-CLOUD-Act]", ""),
        ),
        (
            SovereigntyRules(exposures_deny=codes("US-CLOUD-Act")),
            {"exposures": None},
            ("FactUnknown", "exposures unknown", "none of [US-CLOUD-Act]", ""),
        ),
        (
            SovereigntyRules(encrypted_at_rest=True),
            {"encrypted_at_rest": False},
            ("EncryptionMissing", "no encrypted storage", "encrypted at rest", ""),
        ),
        (
            SovereigntyRules(egress_denied=True),
            {"network_policy_enforced": False},
            (
                "EgressNotEnforced",
                "network plugin enforces nothing",
                "a network plugin that enforces NetworkPolicy",
                "",
            ),
        ),
    ],
)
def test_one_rule(rules: SovereigntyRules, facts: dict[str, object], expected: tuple[str, ...]) -> None:
    assert first(rules, replace(ROUGELINE, **facts)) == expected  # type: ignore[arg-type]


class TestOwnership:
    SECNUMCLOUD = SovereigntyRules(
        ownership_allow=codes("EU"),
        max_foreign_share_each_percent=Decimal(24),
        max_foreign_share_total_percent=Decimal(39),
    )
    STRICT = SovereigntyRules(ownership_allow=codes("EU"))

    def judge(self, rules: SovereigntyRules, *periods: OwnershipPeriod, until: date | None = None) -> tuple[str, ...]:
        return first(rules, replace(ROUGELINE, ownership=periods), until)

    def test_without_thresholds_any_foreign_share_breaks(self) -> None:
        period = owners("2026-01-01", ("City", "FR", "99.5"), ("Fund", "HK", "0.5"))
        expected = ("OwnershipNotAllowed", "Fund (HK) 0.5 % from 2026-01-01", "owners in [EU]", "-0.5 %")
        assert self.judge(self.STRICT, period) == expected

    @pytest.mark.parametrize(("share", "lawful"), [("23.9", True), ("24", True), ("24.000001", False)])
    def test_each_at_its_threshold(self, share: str, lawful: bool) -> None:  # noqa: FBT001
        rest = str(100 - Decimal(share))
        assert (
            self.judge(self.SECNUMCLOUD, owners("2026-01-01", ("A", "FR", rest), ("B", "US", share))) == ()
        ) is lawful

    def test_too_large_says_who_and_by_how_much(self) -> None:
        found = self.judge(self.SECNUMCLOUD, owners("2026-01-01", ("A", "FR", "70"), ("B", "US", "30")))
        required = "at most 24 % for each owner outside [EU]"
        assert found == ("ForeignShareTooLarge", "B (US) 30 % from 2026-01-01", required, "-6 %")

    def test_together_over_the_threshold_though_each_is_below(self) -> None:
        period = owners("2026-01-01", ("A", "FR", "60"), ("B", "US", "20"), ("C", "AE", "20"))
        required = "at most 39 % together outside [EU]"
        assert self.judge(self.SECNUMCLOUD, period) == (
            "ForeignShareTooLarge", "40 % together from 2026-01-01", required, "-1 %",
        )  # fmt: skip

    def test_what_nobody_is_named_for_is_foreign(self) -> None:
        found = self.judge(self.STRICT, owners("2026-01-01", ("City", "FR", "90")))
        assert found[:2] == ("OwnershipNotAllowed", "owners not stated 10 % from 2026-01-01")

    def test_an_owner_of_unknown_seat_is_foreign(self) -> None:
        found = self.judge(self.STRICT, owners("2026-01-01", ("City", None, "100")))
        assert found[:2] == ("OwnershipNotAllowed", "City (seat unknown) 100 % from 2026-01-01")

    def test_two_entries_of_one_owner_add_up(self) -> None:
        period = owners("2026-01-01", ("A", "FR", "70"), ("B", "US", "15"), ("B", "US", "15"))
        assert self.judge(self.SECNUMCLOUD, period)[0] == "ForeignShareTooLarge"

    def test_shares_over_a_hundred_are_no_facts(self) -> None:
        found = self.judge(self.STRICT, owners("2026-01-01", ("A", "FR", "60"), ("B", "FR", "60")))
        assert found[:2] == ("FactUnknown", "shares add up to 120 %")

    def test_nobody_before_the_first_entry(self) -> None:
        found = self.judge(self.STRICT, owners("2027-01-01", ("A", "FR", "100")))
        assert found[:2] == ("FactUnknown", "owners on 2026-11-24 unknown")

    SALE = (owners("2026-01-01", ("A", "FR", "100")), owners("2026-12-01", ("B", "US", "100")))

    def test_a_sale_counts_from_its_day_if_the_run_reaches_it(self) -> None:
        assert self.judge(self.STRICT, *self.SALE, until=date(2026, 11, 30)) == ()
        assert self.judge(self.STRICT, *self.SALE, until=date(2026, 12, 1))[0] == "OwnershipNotAllowed"

    def test_a_sale_ends_what_is_lawful_today(self) -> None:
        result = evaluate(self.STRICT, replace(ROUGELINE, ownership=self.SALE), today=TODAY)
        assert result.lawful
        assert result.holds_until == date(2026, 11, 30)

    def test_only_the_rule_that_is_set_counts(self) -> None:
        only_each = replace(self.SECNUMCLOUD, max_foreign_share_total_percent=None)
        period = owners("2026-01-01", ("A", "FR", "28"), ("B", "US", "24"), ("C", "AE", "24"), ("D", "CH", "24"))
        assert self.judge(only_each, period) == ()


class TestCertifications:
    HEALTH = SovereigntyRules(certifications=(CertificationRule(codes("HDS", "SecNumCloud")),))

    def judge(self, *held: tuple[str, str | None], until: date | None = FRIDAY) -> tuple[str, ...]:
        ends = tuple(Certification(s, date.fromisoformat(d) if d else None) for s, d in held)
        return first(self.HEALTH, replace(ROUGELINE, certifications=ends), until)

    def test_one_of_the_group_through_the_last_day(self) -> None:
        assert self.judge(("HDS", "2026-12-04")) == ()

    def test_missing_shows_what_there_is(self) -> None:
        assert self.judge(("ISO27001", "2028-06-30")) == ("CertificationMissing", "ISO27001", "HDS or SecNumCloud", "")
        assert self.judge()[1] == "none"

    def test_expires_is_not_missing(self) -> None:
        expected = ("CertificationExpires", "HDS until 2026-12-03", "HDS or SecNumCloud until 2026-12-04", "-1 day")
        assert self.judge(("HDS", "2026-12-03")) == expected

    def test_expired_is_missing(self) -> None:
        expected = ("CertificationMissing", "HDS expired on 2026-11-23", "HDS or SecNumCloud", "-1 day")
        assert self.judge(("HDS", "2026-11-23")) == expected

    def test_valid_on_its_last_day(self) -> None:
        assert self.judge(("HDS", "2026-11-24"), until=None) == ()

    def test_one_may_take_over_from_another(self) -> None:
        assert self.judge(("HDS", "2026-11-30"), ("SecNumCloud", "2027-01-01")) == ()

    def test_without_a_last_day_nothing_is_known(self) -> None:
        assert self.judge(("HDS", None))[:2] == ("FactUnknown", "HDS without a last day")

    def test_every_group_is_needed(self) -> None:
        both = SovereigntyRules(certifications=(CertificationRule(codes("HDS")), CertificationRule(codes("C5"))))
        held = (Certification("HDS", date(2027, 1, 1)),)
        assert first(both, replace(ROUGELINE, certifications=held))[:3] == ("CertificationMissing", "HDS", "C5")

    def test_holds_until_the_last_day_of_the_certificate(self) -> None:
        held = (Certification("HDS", date(2026, 12, 31)),)
        result = evaluate(self.HEALTH, replace(ROUGELINE, certifications=held), today=TODAY)
        assert result.lawful
        assert result.holds_until == date(2026, 12, 31)


def test_all_breaches_are_told_in_order_of_precedence() -> None:
    rules = SovereigntyRules(
        location_allow=codes("US"),
        operator_allow=codes("US"),
        egress_denied=True,
        exposures_deny=codes("US-CLOUD-Act"),
    )
    facts = replace(ROUGELINE, exposures=None, network_policy_enforced=False)
    found = [b.reason.value for b in evaluate(rules, facts, today=TODAY).breaches]
    assert found == ["LocationNotAllowed", "OperatorNotAllowed", "EgressNotEnforced", "FactUnknown"]


def test_nothing_known_ends_it() -> None:
    result = evaluate(SovereigntyRules(location_allow=codes("FR")), ROUGELINE, today=TODAY)
    assert result.lawful
    assert result.holds_until is None
