"""A second opinion on the law, from its text alone: day by day, rule by rule, as slow and as plain as can be.

It shares values with the evaluator (facts, rules, reasons) but no code, no table and no helper, so that a mistake in
one is not a mistake in both. Tests compare the two on random cases; nothing in the product calls it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal

from policloud.domain.sovereignty.model import Owner, SovereigntyRules, UnitFacts

ONE_DAY = timedelta(days=1)

# Valid from 12 April 2014, when Croatia had joined both; the United Kingdom left on the evening of 31 January 2020
MEMBERS_SINCE_1995_OR_BEFORE = ["AT", "BE", "DE", "DK", "ES", "FI", "FR", "GR", "IE", "IT", "LU", "NL", "PT", "SE"]
JOINED_LATER = ["BG", "CY", "CZ", "EE", "HR", "HU", "LT", "LV", "MT", "PL", "RO", "SI", "SK"]
EUROPEAN_UNION = [*MEMBERS_SINCE_1995_OR_BEFORE, *JOINED_LATER]
EEA_ONLY = ["IS", "LI", "NO"]
BRITISH_LAST_DAY = date(2020, 1, 31)
EARLIEST_DAY = date(2014, 4, 12)

YES, NO, PERHAPS = "yes", "no", "perhaps"


def reasons(rules: SovereigntyRules, facts: UnitFacts, today: date, until: date | None) -> set[str]:
    """Every reason why the unit does not satisfy the rules on some day from today through `until`."""
    last = today if until is None or until < today else until
    found: set[str] = set()
    day = today
    while day <= last:
        found |= reasons_on(rules, facts, day, today)
        day += ONE_DAY
    return found


def last_lawful_day(rules: SovereigntyRules, facts: UnitFacts, today: date, horizon: date) -> date | None:
    """The last day of the lawful days in a row that begin today; None if there is none or it is past the horizon."""
    if reasons_on(rules, facts, today, today):
        return None
    day = today
    while day <= horizon:
        if reasons_on(rules, facts, day, today):
            return day - ONE_DAY
        day += ONE_DAY
    return None


def reasons_on(rules: SovereigntyRules, facts: UnitFacts, day: date, today: date) -> set[str]:
    """Every rule that is broken on that one day."""
    found: set[str] = set()
    found |= _where(rules, facts, day)
    found |= _who_runs_it(rules, facts, day)
    found |= _who_owns_it(rules, facts, day)
    found |= _what_reaches_it(rules, facts)
    found |= _what_certifies_it(rules, facts, day, today)
    found |= _what_protects_it(rules, facts)
    return found


def countries_of(codes: Iterable[str], day: date) -> list[str]:
    """Groups replaced by their members on that day."""
    if day < EARLIEST_DAY:
        raise ValueError(f"the oracle knows no members before {EARLIEST_DAY}")
    result = []
    for code in codes:
        if code in {"EU", "EEA"}:
            result += EUROPEAN_UNION
            if day <= BRITISH_LAST_DAY:
                result.append("GB")
            if code == "EEA":
                result += EEA_ONLY
        else:
            result.append(code)
    return result


def _lies_in(country: str | None, part: str | None, codes: Iterable[str], day: date) -> str:
    if country is None:
        return PERHAPS
    if part is not None and part.split("-")[0] != country:
        return PERHAPS  # the two facts contradict each other
    listed = countries_of(codes, day)
    if country in listed:
        return YES
    for code in listed:
        if "-" in code and code.split("-")[0] == country:
            if part is None:
                return PERHAPS
            break
    return YES if part in listed else NO


def _where(rules: SovereigntyRules, facts: UnitFacts, day: date) -> set[str]:
    found = set()
    if rules.location_allow is not None:
        answer = _lies_in(facts.country, facts.subdivision, rules.location_allow, day)
        found.add({YES: "", NO: "LocationNotAllowed", PERHAPS: "FactUnknown"}[answer])
    if rules.location_deny:
        answer = _lies_in(facts.country, facts.subdivision, rules.location_deny, day)
        found.add({YES: "LocationNotAllowed", NO: "", PERHAPS: "FactUnknown"}[answer])
    homes = [] if rules.residency is None else [rules.residency]
    for home in homes + list(rules.volume_residency):
        answer = _lies_in(facts.country, facts.subdivision, home, day)
        found.add({YES: "", NO: "DataNotResident", PERHAPS: "FactUnknown"}[answer])
    return found - {""}


def _who_runs_it(rules: SovereigntyRules, facts: UnitFacts, day: date) -> set[str]:
    found = set()
    if rules.operator_allow is not None:
        answer = _lies_in(facts.operator_jurisdiction, None, rules.operator_allow, day)
        found.add({YES: "", NO: "OperatorNotAllowed", PERHAPS: "FactUnknown"}[answer])
    if rules.operator_deny:
        answer = _lies_in(facts.operator_jurisdiction, None, rules.operator_deny, day)
        found.add({YES: "OperatorNotAllowed", NO: "", PERHAPS: "FactUnknown"}[answer])
    return found - {""}


def _who_owns_it(rules: SovereigntyRules, facts: UnitFacts, day: date) -> set[str]:
    if rules.ownership_allow is None:
        return set()
    owners = _owners_on(facts, day)
    if owners is None:
        return {"FactUnknown"}
    foreign = _foreign_shares(owners, countries_of(rules.ownership_allow, day))
    each, together = rules.max_foreign_share_each_percent, rules.max_foreign_share_total_percent
    if each is None and together is None:
        return {"OwnershipNotAllowed"} if sum(foreign) > 0 else set()
    one_too_large = each is not None and any(share > each for share in foreign)
    all_too_large = together is not None and sum(foreign) > together
    return {"ForeignShareTooLarge"} if one_too_large or all_too_large else set()


def _owners_on(facts: UnitFacts, day: date) -> list[Owner] | None:
    """Those of the last entry that has begun; None if there is none or its shares cannot be."""
    in_force = None
    for period in facts.ownership or ():
        if period.begins <= day and (in_force is None or period.begins >= in_force.begins):
            in_force = period
    if in_force is None:
        return None
    stated = Decimal(0)
    for owner in in_force.owners:
        stated += owner.share_percent
        if owner.share_percent < 0:
            return None
    return None if stated > Decimal(100) else list(in_force.owners)


def _foreign_shares(owners: list[Owner], home: list[str]) -> list[Decimal]:
    """Share of each foreign owner, entries of one name and seat added up; last, what nobody is named for."""
    shares = []
    for owner in owners:
        same = [o for o in owners if o.name == owner.name and o.jurisdiction == owner.jurisdiction]
        if owner.jurisdiction not in home and same[0] is owner:
            shares.append(sum((o.share_percent for o in same), Decimal(0)))
    rest = Decimal(100)
    for owner in owners:
        rest -= owner.share_percent
    return [*shares, rest]


def _what_reaches_it(rules: SovereigntyRules, facts: UnitFacts) -> set[str]:
    if not rules.exposures_deny:
        return set()
    if facts.exposures is None:
        return {"FactUnknown"}
    return {"ExposureDenied"} if any(law in rules.exposures_deny for law in facts.exposures) else set()


def _what_certifies_it(rules: SovereigntyRules, facts: UnitFacts, day: date, today: date) -> set[str]:
    found = set()
    for group in rules.certifications:
        if facts.certifications is None:
            found.add("FactUnknown")
            continue
        held = [c for c in facts.certifications if c.scheme in group.any_of]
        if any(c.valid_until is not None and day <= c.valid_until for c in held):
            continue
        if any(c.valid_until is None for c in held):
            found.add("FactUnknown")
        elif any(c.valid_until is not None and today <= c.valid_until for c in held):
            found.add("CertificationExpires")
        else:
            found.add("CertificationMissing")
    return found


def _what_protects_it(rules: SovereigntyRules, facts: UnitFacts) -> set[str]:
    found = set()
    if rules.encrypted_at_rest:
        found.add({True: "", False: "EncryptionMissing", None: "FactUnknown"}[facts.encrypted_at_rest])
    if rules.egress_denied:
        found.add({True: "", False: "EgressNotEnforced", None: "FactUnknown"}[facts.network_policy_enforced])
    return found - {""}
