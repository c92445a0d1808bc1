"""The rule on certificates: of each group at least one, valid through the run."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from policloud.domain.reasons import Reason
from policloud.domain.sovereignty.model import Breach, Certification, CertificationRule, SovereigntyRules, UnitFacts

_DAY = timedelta(days=1)


def certificate_breaches(
    rules: SovereigntyRules, facts: UnitFacts, day: date, *, today: date, end: date
) -> Iterator[tuple[str, Breach]]:
    """For each group that no certificate satisfies on `day`: a breach.

    CertificationMissing if none is valid `today`, CertificationExpires if one is but ends before `end`. A certificate
    without a last day may or may not hold: where only it could satisfy the group, that is FactUnknown.
    """
    for index, rule in enumerate(rules.certifications):
        breach = _group_breach(rule, facts.certifications, day, today=today, end=end)
        if breach is not None:
            yield f"certifications[{index}]", breach


def days_of_expiry(facts: UnitFacts) -> Iterator[date]:
    """The first days on which a certificate no longer holds."""
    for c in facts.certifications or ():
        if c.valid_until is not None and c.valid_until < date.max:
            yield c.valid_until + _DAY


def _group_breach(
    rule: CertificationRule, held: tuple[Certification, ...] | None, day: date, *, today: date, end: date
) -> Breach | None:
    wanted = " or ".join(sorted(rule.any_of))
    if held is None:
        return Breach(Reason.FACT_UNKNOWN, "certifications unknown", wanted)
    matching = [c for c in held if c.scheme in rule.any_of]
    ends = sorted((c.valid_until, c.scheme) for c in matching if c.valid_until is not None)
    if ends and ends[-1][0] >= day:
        return None
    undated = sorted(c.scheme for c in matching if c.valid_until is None)
    if undated:
        return Breach(Reason.FACT_UNKNOWN, f"{undated[0]} without a last day", f"{wanted} valid until {end}")
    if not ends:
        return Breach(Reason.CERTIFICATION_MISSING, _all_of(held), wanted)
    last, scheme = ends[-1]
    if last < today:
        return Breach(Reason.CERTIFICATION_MISSING, f"{scheme} expired on {last}", wanted, _days(last, today))
    return Breach(Reason.CERTIFICATION_EXPIRES, f"{scheme} until {last}", f"{wanted} until {end}", _days(last, end))


def _all_of(held: tuple[Certification, ...]) -> str:
    return ", ".join(sorted({c.scheme for c in held})) or "none"


def _days(have: date, need: date) -> str:
    count = (need - have).days
    return f"-{count} day" + ("" if count == 1 else "s")
