"""Does a unit satisfy a workload's law, from today through the end of the run?

Facts and rules change on a handful of days only: when an owner changes, the day after a certificate ends, when a
country joins or leaves a group. Between two such days nothing changes, so judging each of them once is complete.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

from policloud.domain.reasons import Reason
from policloud.domain.sovereignty.certificates import certificate_breaches, days_of_expiry
from policloud.domain.sovereignty.groups import membership_changes
from policloud.domain.sovereignty.model import Breach, Evaluation, SovereigntyRules, UnitFacts
from policloud.domain.sovereignty.ownership import ownership_breaches
from policloud.domain.sovereignty.places import listed, location_breaches, operator_breaches, residency_breaches

PRECEDENCE: Final = {reason: rank for rank, reason in enumerate(Reason)}
_DAY: Final = timedelta(days=1)


def evaluate(rules: SovereigntyRules, facts: UnitFacts, *, today: date, until: date | None = None) -> Evaluation:
    """All breaches of `rules` by `facts` on any day from `today` through `until`, in order of precedence.

    `until` None means "until further notice": today is judged, and `holds_until` says how long it will last.
    `holds_until` is the last day of the unbroken lawful run that begins today; None if today is not lawful, or if
    nothing known ends it. A fact that a rule needs and that is not known fails the rule as FactUnknown.
    """
    end = today if until is None else max(today, until)
    found: dict[tuple[str, Reason], Breach] = {}
    first_unlawful: date | None = None
    for day in (today, *_days_of_change(rules, facts, after=today)):
        if day > end and first_unlawful is not None:
            break
        for rule, breach in _breaches_on(rules, facts, day, today=today, end=end):
            first_unlawful = first_unlawful or day
            if day <= end:
                found.setdefault((rule, breach.reason), breach)
    breaches = tuple(sorted(found.values(), key=lambda b: PRECEDENCE[b.reason]))
    lasts = first_unlawful is not None and first_unlawful > today
    return Evaluation(breaches, first_unlawful - _DAY if lasts and first_unlawful else None)


def _days_of_change(rules: SovereigntyRules, facts: UnitFacts, *, after: date) -> list[date]:
    """Days after `after` on which the outcome of a rule that is set may differ from the day before."""
    days: set[date] = set()
    if rules.certifications:
        days.update(days_of_expiry(facts))
    if rules.ownership_allow is not None:
        days.update(period.begins for period in facts.ownership or ())
        days |= membership_changes(rules.ownership_allow)
    places = (rules.location_allow, rules.location_deny, rules.operator_allow, rules.operator_deny, rules.residency)
    for codes in (*places, *rules.volume_residency):
        if codes:
            days |= membership_changes(codes)
    return sorted(day for day in days if day > after)


def _breaches_on(
    rules: SovereigntyRules, facts: UnitFacts, day: date, *, today: date, end: date
) -> Iterator[tuple[str, Breach]]:
    """Every rule that does not hold on that day, with the name of the rule."""
    yield from location_breaches(rules, facts, day)
    yield from operator_breaches(rules, facts, day)
    yield from ownership_breaches(rules, facts, day)
    yield from _exposure_breaches(rules, facts)
    yield from certificate_breaches(rules, facts, day, today=today, end=end)
    yield from residency_breaches(rules, facts, day)
    yield from _protection_breaches(rules, facts)


def _exposure_breaches(rules: SovereigntyRules, facts: UnitFacts) -> Iterator[tuple[str, Breach]]:
    if not rules.exposures_deny:
        return
    required = f"none of {listed(rules.exposures_deny)}"
    if facts.exposures is None:
        yield "exposures", Breach(Reason.FACT_UNKNOWN, "exposures unknown", required)
        return
    denied = rules.exposures_deny & facts.exposures
    if denied:
        yield "exposures", Breach(Reason.EXPOSURE_DENIED, ", ".join(sorted(denied)), required)


def _protection_breaches(rules: SovereigntyRules, facts: UnitFacts) -> Iterator[tuple[str, Breach]]:
    if rules.encrypted_at_rest and facts.encrypted_at_rest is not True:
        if facts.encrypted_at_rest is None:
            yield "encryption", Breach(Reason.FACT_UNKNOWN, "encryption at rest unknown", "encrypted at rest")
        else:
            yield "encryption", Breach(Reason.ENCRYPTION_MISSING, "no encrypted storage", "encrypted at rest")
    if rules.egress_denied and facts.network_policy_enforced is not True:
        required = "a network plugin that enforces NetworkPolicy"
        if facts.network_policy_enforced is None:
            yield "egress", Breach(Reason.FACT_UNKNOWN, "enforcement of NetworkPolicy unknown", required)
        else:
            yield "egress", Breach(Reason.EGRESS_NOT_ENFORCED, "network plugin enforces nothing", required)
