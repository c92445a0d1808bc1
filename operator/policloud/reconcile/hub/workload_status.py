"""Status of a SovereignWorkload of the hub, composed from its offers; written when verdict, place or reason changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from policloud.api import names
from policloud.api.offers import format_time, parse_time
from policloud.api.resources import SOVEREIGN_WORKLOAD
from policloud.domain.conditions import Condition, find, merge
from policloud.domain.federation.offers import Offer, OfferState
from policloud.domain.federation.verdict import ready_replicas
from policloud.domain.federation.view import View
from policloud.ports import Body, Cluster
from policloud.reconcile.hub.sites import site_of
from policloud.reconcile.site.decisions import same
from policloud.reconcile.site.text import watts_text

_WHOLE = ("energyWattHours", "gramsCO2eLocation", "gramsCO2eMarket", "gpuSeconds")
_BATCH = ("succeeded", "failed", "active")
_SELECTOR = names.WORKLOAD_LABEL


def compose(
    body: Body, view: View, verdict: list[Condition], *, decision: Body | None, now: datetime
) -> dict[str, Any]:
    """The whole status; `decision` None keeps the one that stands."""
    old = body.get("status") or {}
    stamp = format_time(now)
    generation = int(body["metadata"].get("generation") or 1)
    live = [o for o in view.offers if not o.final and not o.dormant]
    places = _places(live, old.get("placements") or (), stamp)
    asked = view.wanted.replicas if view.wanted else 0
    granted = sum(o.running.grant.replicas for o in live if o.running)
    ready = sum(ready_replicas(o) for o in live)
    watts = sum(o.running.grant.watts for o in live if o.running)
    status: dict[str, Any] = {
        "observedGeneration": generation,
        "conditions": merge(old.get("conditions") or (), verdict, generation=generation, now=stamp),
        "replicas": granted,
        "readyReplicas": ready,
        "selector": f"{_SELECTOR}={body['metadata']['name'][:63]}",
        "watts": watts,
        "placements": places,
        "summary": {
            "replicas": f"{ready}/{asked}",
            "units": ",".join(p["unit"] for p in places if p["state"] != "Offered")[:128],
            "power": watts_text(watts),
        },
    }
    said = old.get("decision")
    if decision is not None and not same(said, decision):
        said = decision
    if said is not None:
        status["decision"] = said
    if usage := usage_of(view.offers):
        status["usage"] = usage
    if view.wanted is not None and view.wanted.class_ == "Batch":
        status["batch"] = {name: sum(int(o.feedback.get(name, 0)) for o in view.offers) for name in _BATCH}
    return status


def news(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether anything but usage and the texts of messages is different: verdict, place, reason, count."""
    return _essence(old) != _essence(new)


def usage_changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    return old.get("usage") != new.get("usage")


async def write(cluster: Cluster, body: Body, status: Mapping[str, Any]) -> Body:
    """Apply under the version that it was composed from."""
    meta = body["metadata"]
    wanted = {
        "apiVersion": SOVEREIGN_WORKLOAD.api_version,
        "kind": SOVEREIGN_WORKLOAD.kind,
        "metadata": {
            "name": meta["name"],
            "namespace": meta["namespace"],
            "resourceVersion": meta["resourceVersion"],
        },
        "status": dict(status),
    }
    return await cluster.apply_status(SOVEREIGN_WORKLOAD, wanted, manager=names.HUB_MANAGER)


def usage_of(offers: Iterable[Offer]) -> dict[str, Any]:
    """Sums over every offer the workload ever had and that is still there."""
    usage: dict[str, Any] = {}
    cost, currency = Decimal(0), ""
    for offer in offers:
        for name in _WHOLE:
            if name in offer.feedback:
                usage[name] = usage.get(name, 0) + int(offer.feedback[name])
        if "cost" in offer.feedback and (not currency or offer.feedback.get("currency") == currency):
            cost += _decimal(str(offer.feedback["cost"]))
            currency = str(offer.feedback.get("currency", "EUR"))
    if currency:
        usage["cost"] = f"{cost:f}"
        usage["currency"] = currency
    return usage


def last_reason(body: Body) -> str:
    ready = find((body.get("status") or {}).get("conditions") or (), "Ready")
    return ready.reason if ready else ""


def _places(live: Iterable[Offer], before: Iterable[Mapping[str, Any]], now: str) -> list[dict[str, Any]]:
    known = {(p.get("unit"), p.get("state"), p.get("offer")): p for p in before}
    by_unit: dict[str, dict[str, Any]] = {}
    for offer in live:
        state = _state(offer)
        grant = offer.running.grant if offer.running else offer.demand.grant
        old = known.get((offer.unit, state, offer.name))
        place = {
            "site": site_of(offer.namespace) or "",
            "unit": offer.unit,
            "replicas": grant.replicas,
            "readyReplicas": ready_replicas(offer),
            "state": state,
            "watts": grant.watts,
            "offer": offer.name,
            "since": str(old["since"]) if old and parse_time(old.get("since")) else now,
        }
        if offer.unit not in by_unit or offer.running:
            by_unit[offer.unit] = place
    return sorted(by_unit.values(), key=lambda p: (p["site"], p["unit"]))


def _state(offer: Offer) -> str:
    if offer.running is None:
        return "Offered"
    if offer.leaving:
        return str(OfferState.DRAINING)
    return str(offer.state)


def _essence(status: Mapping[str, Any]) -> dict[str, Any]:
    essence = {k: v for k, v in status.items() if k not in {"usage", "conditions", "decision"}}
    essence["conditions"] = sorted(
        (c.get("type"), c.get("status"), c.get("reason"), c.get("observedGeneration"))
        for c in status.get("conditions") or ()
    )
    decision = status.get("decision") or {}
    essence["decision"] = (decision.get("fits"), decision.get("of"), decision.get("reasons"))
    return essence


def _decimal(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        return Decimal(0)
