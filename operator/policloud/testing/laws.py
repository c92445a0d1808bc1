"""Random laws and facts from a seed, crowded around the values where a verdict turns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import TypeVar

from policloud.domain.sovereignty.model import (
    Certification,
    CertificationRule,
    Owner,
    OwnershipPeriod,
    SovereigntyRules,
    UnitFacts,
)

TODAYS = (
    date(2026, 11, 24),
    date(2024, 2, 28),
    date(2020, 1, 30),
    date(2020, 1, 31),
    date(2020, 2, 1),
    date(2019, 12, 31),
)
COUNTRIES = ("FR", "DE", "GB", "NO", "LI", "CH", "US", "AE", "HR")
PARTS = ("FR-47", "FR-06", "US-TX", "GB-SCT")
CODES = ("EU", "EEA", *COUNTRIES, *PARTS)
SHARES = tuple(
    Decimal(s)
    for s in ("0", "0.000001", "1", "15", "23.999999", "24", "24.000001", "39", "61", "76", "99.999999", "100")
)
LIMITS = tuple(Decimal(s) for s in ("0", "24", "39", "100"))
SCHEMES = ("HDS", "SecNumCloud", "ISO27001", "C5")
EXPOSURES = ("US-CLOUD-Act", "US-FISA-702", "CN-NIL")
NEAR = (-2, -1, 0, 1, 2, 5, 9, 10, 11)  # days from today


@dataclass(frozen=True, slots=True)
class Case:
    """One question to the evaluator and to the oracle."""

    rules: SovereigntyRules
    facts: UnitFacts
    today: date
    until: date | None


def random_case(rng: Random) -> Case:
    """A law of up to four rules, and facts of which one in eight is unknown."""
    today = rng.choice(TODAYS)
    until = rng.choice((None, today, today + timedelta(days=rng.randrange(-1, 12)), today + timedelta(days=10)))
    return Case(_rules(rng), _facts(rng, today), today, until)


def _codes(rng: Random) -> frozenset[str]:
    return frozenset(rng.sample(CODES, rng.choice((1, 1, 2, 3))))


RULES = ("allow", "deny", "operator", "owners", "exposures", "certificates", "data", "volume", "encryption", "egress")


def _rules(rng: Random) -> SovereigntyRules:
    chosen = set(rng.sample(RULES, rng.choice((0, 1, 1, 2, 2, 3, 4))))
    sides = rng.choice(("allow", "deny", "both")) if "operator" in chosen else ""
    each, together = rng.choice((None, *LIMITS)), rng.choice((None, *LIMITS))
    thresholds = (each, together) if rng.randrange(3) else (None, None)
    return SovereigntyRules(
        location_allow=_codes(rng) if "allow" in chosen else None,
        location_deny=_codes(rng) if "deny" in chosen else frozenset(),
        operator_allow=_codes(rng) if sides in {"allow", "both"} else None,
        operator_deny=_codes(rng) if sides in {"deny", "both"} else frozenset(),
        ownership_allow=_codes(rng) | {rng.choice(("EU", "FR"))} if "owners" in chosen else None,
        max_foreign_share_each_percent=thresholds[0],
        max_foreign_share_total_percent=thresholds[1],
        exposures_deny=frozenset(rng.sample(EXPOSURES, 2)) if "exposures" in chosen else frozenset(),
        certifications=tuple(_group(rng) for _ in range(rng.choice((1, 1, 2)))) if "certificates" in chosen else (),
        residency=_codes(rng) if "data" in chosen else None,
        volume_residency=(_codes(rng),) if "volume" in chosen else (),
        encrypted_at_rest="encryption" in chosen,
        egress_denied="egress" in chosen,
    )


def _facts(rng: Random, today: date) -> UnitFacts:
    country = _maybe(rng, rng.choice(COUNTRIES))
    parts = [p for p in PARTS if country is not None and p.startswith(country)]
    part = rng.choice(parts) if parts and rng.randrange(3) else None
    return UnitFacts(
        country=country,
        subdivision=rng.choice(PARTS) if rng.randrange(20) == 0 else part,
        operator_jurisdiction=_maybe(rng, rng.choice(COUNTRIES)),
        ownership=_maybe(rng, tuple(_period(rng, today) for _ in range(rng.choice((0, 1, 1, 2, 3))))),
        certifications=_maybe(rng, tuple(_certificate(rng, today) for _ in range(rng.choice((0, 1, 2, 3, 4))))),
        exposures=_maybe(rng, frozenset(rng.sample(EXPOSURES, rng.choice((0, 0, 1))))),
        encrypted_at_rest=_maybe(rng, rng.randrange(3) > 0),
        network_policy_enforced=_maybe(rng, rng.randrange(3) > 0),
    )


T = TypeVar("T")


def _maybe(rng: Random, value: T) -> T | None:
    return value if rng.randrange(8) else None


def _period(rng: Random, today: date) -> OwnershipPeriod:
    left = Decimal(100)
    owners = []
    for number in range(rng.choice((0, 1, 2, 3))):
        share = rng.choice((*SHARES, left, left))
        left = max(Decimal(0), left - share)
        owners.append(Owner(rng.choice(("Fund", f"Owner {number}")), _maybe(rng, rng.choice(COUNTRIES)), share))
    if left > 0 and rng.randrange(3):
        owners.append(Owner("City", "FR", left))
    return OwnershipPeriod(today + timedelta(days=rng.choice((-400, -400, *NEAR))), tuple(owners))


def _certificate(rng: Random, today: date) -> Certification:
    ends = today + timedelta(days=rng.choice((*NEAR, 400)))
    return Certification(rng.choice(SCHEMES), _maybe(rng, ends))


def _group(rng: Random) -> CertificationRule:
    return CertificationRule(frozenset(rng.sample(SCHEMES, rng.choice((1, 2)))))
