"""The local object's state in the words of the offer's status."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from policloud.api.offers import format_time, parse_time
from policloud.domain.conditions import Condition, find, merge
from policloud.domain.federation.held import Held
from policloud.domain.federation.offers import OfferState
from policloud.domain.federation.view import FINISHED
from policloud.ports import Body
from policloud.reconcile.site.placements import DRAINING, SUSPENDED, placements

_USAGE = ("energyWattHours", "gpuSeconds", "gramsCO2eLocation", "gramsCO2eMarket")
_BATCH = ("succeeded", "failed", "active")
_TEXTS = ("cost", "currency")
_SLOW = frozenset({*_USAGE, *_TEXTS, "active"})


@dataclass(frozen=True, slots=True)
class Report:
    """What is to stand in the offer's status. `feedback` values are integers or texts."""

    state: OfferState
    reason: str = ""
    message: str = ""
    until: datetime | None = None
    feedback: Mapping[str, int | str] = field(default_factory=dict)

    def essence(self) -> tuple[Any, ...]:
        """What is worth a write of its own."""
        quick = {k: v for k, v in self.feedback.items() if k not in _SLOW and v}  # what is not said yet is zero
        return (self.state, self.reason, self.until, quick)


def report(held: Held, local: Body | None) -> Report:
    """Of work that runs, or is on its way in or out."""
    status = (local or {}).get("status") or {}
    ready = find(status.get("conditions") or (), "Ready")
    feedback = feedback_of(status)
    if held.drain_until is not None:
        return Report(OfferState.DRAINING, held.drain_reason, feedback=feedback)
    place = next((p for p in placements(local or {}) if p.unit == held.offer.unit), None)
    reason, message = ("", "") if ready is None or ready.is_true else (ready.reason, ready.message[:256])
    if place is None:
        return Report(OfferState.PENDING, reason, message, feedback=feedback)
    if place.state == DRAINING:
        return Report(OfferState.DRAINING, reason, message, feedback=feedback)
    if place.state == SUSPENDED or (place.replicas == 0 and held.grant.replicas):
        return Report(OfferState.SUSPENDED, reason, message, _back_at(status, held.offer.unit), feedback)
    running = (ready is not None and ready.is_true) or place.ready > 0
    return Report(OfferState.RUNNING if running else OfferState.PENDING, reason, message, feedback=feedback)


def ended(held: Held, local: Body | None) -> str | None:
    """Why the local work is over by itself: a batch that is done, or work the site's law has stopped."""
    if local is None:
        return None
    ready = find((local.get("status") or {}).get("conditions") or (), "Ready")
    if ready is not None and ready.reason in FINISHED:
        return ready.reason
    place = next((p for p in placements(local) if p.unit == held.offer.unit), None)
    if place is not None and place.state == DRAINING and place.replicas == 0:
        return ready.reason if ready is not None and ready.reason else "LawBroken"
    return None


def feedback_of(status: Mapping[str, Any]) -> dict[str, int | str]:
    values: dict[str, int | str] = {"readyReplicas": int(status.get("readyReplicas") or 0)}
    usage, batch = status.get("usage") or {}, status.get("batch") or {}
    values |= {name: int(usage[name]) for name in _USAGE if name in usage}
    values |= {name: str(usage[name]) for name in _TEXTS if name in usage}
    values |= {name: int(batch[name]) for name in _BATCH if name in batch}
    return values


def reported(offer_body: Body) -> Report:
    """What stands in the offer's status now."""
    status = offer_body.get("status") or {}
    entries = status.get("feedback") or ()
    feedback = {f["name"]: f["integer"] if "integer" in f else str(f.get("text", "")) for f in entries}
    return Report(
        OfferState(status.get("state") or "Pending"),
        status.get("reason") or "",
        status.get("message") or "",
        parse_time(status.get("until")),
        feedback,
    )


def status_patch(offer_body: Body, wanted: Report, now: datetime) -> dict[str, Any]:
    """The part of the status that tells how the work is, as a merge patch."""
    generation = int(offer_body["metadata"].get("generation") or 1)
    old = (offer_body.get("status") or {}).get("conditions") or ()
    up = wanted.state is OfferState.RUNNING
    busy = wanted.state in {OfferState.PENDING, OfferState.DRAINING}
    reason = wanted.reason or str(wanted.state)
    told = [
        Condition("Ready", "True" if up else "False", reason if not up else "Running", wanted.message),
        Condition("Reconciling", "True" if busy else "False", reason if busy else "UpToDate"),
        Condition("Stalled", "False", "Progressing"),
    ]
    return {
        "observedGeneration": generation,
        "conditions": merge(old, told, generation=generation, now=format_time(now)),
        "state": str(wanted.state),
        "reason": wanted.reason or None,
        "message": wanted.message or None,
        "until": format_time(wanted.until) if wanted.until else None,
        "feedback": [
            {"name": name, "integer" if isinstance(value, int) else "text": value}
            for name, value in sorted(wanted.feedback.items())
        ],
    }


def _back_at(status: Mapping[str, Any], unit: str) -> datetime | None:
    for verdict in (status.get("decision") or {}).get("units") or ():
        if verdict.get("unit") == unit:
            return parse_time(verdict.get("earliest"))
    return None
