"""The rule on owners: dated shares outside an allowed set of jurisdictions, each and together under thresholds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from policloud.domain.reasons import Reason
from policloud.domain.sovereignty.groups import expand
from policloud.domain.sovereignty.model import Breach, OwnershipPeriod, SovereigntyRules, UnitFacts
from policloud.domain.sovereignty.places import listed

WHOLE = Decimal(100)
UNNAMED = "owners not stated"


def period_on(periods: tuple[OwnershipPeriod, ...], day: date) -> OwnershipPeriod | None:
    """The last period that has begun on that day; of two that begin together, the one listed last."""
    begun = [p for p in periods if p.begins <= day]
    return max(reversed(begun), key=lambda p: p.begins) if begun else None


def ownership_breaches(rules: SovereigntyRules, facts: UnitFacts, day: date) -> Iterator[tuple[str, Breach]]:
    """Breaches of the rule on owners on that day.

    Owners seated outside `ownership_allow`, owners of unknown seat and what is missing to 100 percent are foreign.
    Without thresholds any foreign share breaks the rule.
    """
    if rules.ownership_allow is None:
        return
    required = f"owners in {listed(rules.ownership_allow)}"
    if facts.ownership is None:
        yield "ownership", Breach(Reason.FACT_UNKNOWN, "owners unknown", required)
        return
    period = period_on(facts.ownership, day)
    if period is None:
        yield "ownership", Breach(Reason.FACT_UNKNOWN, f"owners on {day} unknown", required)
        return
    stated = sum((o.share_percent for o in period.owners), Decimal(0))
    if stated > WHOLE or any(o.share_percent < 0 for o in period.owners):
        yield "ownership", Breach(Reason.FACT_UNKNOWN, f"shares add up to {percent(stated)}", required)
        return
    foreign = _foreign_shares(period, expand(rules.ownership_allow, day), WHOLE - stated)
    if foreign:
        yield from _threshold_breaches(rules, period, foreign)


def percent(share: Decimal) -> str:
    """`24.5 %`, without trailing zeros."""
    text = f"{share:f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text) + " %"


def _foreign_shares(period: OwnershipPeriod, allowed: frozenset[str], unstated: Decimal) -> dict[str, Decimal]:
    """Share by name of everyone outside `allowed`, shares of one name added up."""
    shares: dict[str, Decimal] = {}
    for owner in period.owners:
        if owner.jurisdiction not in allowed and owner.share_percent > 0:
            name = f"{owner.name} ({owner.jurisdiction or 'seat unknown'})"
            shares[name] = shares.get(name, Decimal(0)) + owner.share_percent
    if unstated > 0:
        shares[UNNAMED] = unstated
    return shares


def _threshold_breaches(
    rules: SovereigntyRules, period: OwnershipPeriod, foreign: dict[str, Decimal]
) -> Iterator[tuple[str, Breach]]:
    allowed = listed(rules.ownership_allow or frozenset())
    since = f" from {period.begins}"
    each, together = rules.max_foreign_share_each_percent, rules.max_foreign_share_total_percent
    total = sum(foreign.values(), Decimal(0))
    if each is None and together is None:
        names = ", ".join(f"{name} {percent(share)}" for name, share in sorted(foreign.items()))
        yield (
            "ownership",
            Breach(Reason.OWNERSHIP_NOT_ALLOWED, names + since, f"owners in {allowed}", f"-{percent(total)}"),
        )
    if each is not None:
        name, share = max(sorted(foreign.items()), key=lambda item: item[1])
        if share > each:
            required = f"at most {percent(each)} for each owner outside {allowed}"
            measured = f"{name} {percent(share)}{since}"
            yield (
                "ownership.each",
                Breach(Reason.FOREIGN_SHARE_TOO_LARGE, measured, required, f"-{percent(share - each)}"),
            )
    if together is not None and total > together:
        required = f"at most {percent(together)} together outside {allowed}"
        measured = f"{percent(total)} together{since}"
        yield (
            "ownership.total",
            Breach(Reason.FOREIGN_SHARE_TOO_LARGE, measured, required, f"-{percent(total - together)}"),
        )
