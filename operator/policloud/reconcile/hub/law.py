"""Where a workload may not be any more, by the facts as the platform team vouches for them now."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from policloud.api.convert import facts_on_hub, rules_of, unit_view, workload_view
from policloud.api.names import SITE_NAMESPACE_PREFIX
from policloud.api.resources import POLICLOUD_UNIT, SITE_MEMBERSHIP
from policloud.domain.federation.offers import Offer
from policloud.domain.placement.capacity import Request
from policloud.domain.reasons import Reason
from policloud.domain.sovereignty.evaluate import evaluate
from policloud.domain.sovereignty.model import UnitFacts
from policloud.ports import Body
from policloud.reconcile.hub.sites import site_of
from policloud.runtime.store import Store


def unlawful(store: Store, workload: Body, offers: Iterable[Offer], now: datetime) -> dict[str, str]:
    """Units, of those with open offers, that break a rule or have no GPU of the wanted kind; and why.

    Only what is known counts: a unit that is not published at the moment, or a fact that is missing, ends nothing.
    """
    found: dict[str, str] = {}
    for offer in offers:
        if offer.final or offer.unit in found:
            continue
        unit = store.get(str(POLICLOUD_UNIT), (offer.namespace, offer.unit))
        site = site_of(offer.namespace) or ""
        membership = store.get(str(SITE_MEMBERSHIP), (SITE_NAMESPACE_PREFIX + site, site))
        if unit is not None and membership is not None and (why := _why_not(workload, unit, membership, now)):
            found[offer.unit] = why
    return found


def _why_not(workload: Body, unit: Body, membership: Body, now: datetime) -> str | None:
    facts = facts_on_hub(unit, membership)
    if facts != UnitFacts():
        verdict = evaluate(rules_of(workload["spec"]), facts, today=now.astimezone(UTC).date())
        for breach in verdict.breaches:
            if breach.reason is not Reason.FACT_UNKNOWN:
                return f"{breach.reason}: {breach.measured}; required: {breach.required}"
    request = Request.of(workload_view(workload, now=now))
    pools = unit_view(unit, site="", facts=facts).pools
    if request.gpus_per_replica and pools and not any(request.accepts(p) for p in pools):
        return f"{Reason.GPU_PRODUCT_MISMATCH}: {', '.join(sorted({p.product for p in pools}))}"
    return None
