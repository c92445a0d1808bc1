"""WorkOffers as they are written and as the protocol reads them: wire bodies to `domain.federation.offers` and back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from policloud.api import names
from policloud.api.resources import WORK_OFFER
from policloud.domain.federation.offers import (
    Answer,
    AnswerVerdict,
    Demand,
    Grant,
    Mobility,
    Offer,
    OfferState,
    ReleaseMode,
    Running,
    WorkloadRef,
)

WITHDRAWN_AT = f"{names.PREFIX}/withdrawn-at"  # when the hub withdrew it: deleted an hour later
ASK_AGAIN = f"{names.PREFIX}/ask-again"  # until when a counter-offer that was taken is not to be asked for more
ASKED = f"{names.PREFIX}/asked-replicas"  # … and how many had been asked
COMPLETED_BEFORE = f"{names.PREFIX}/completed-before"  # completions of a batch that were done elsewhere before


def parse_offer(body: Mapping[str, Any]) -> Offer:
    """The values of a WorkOffer. KeyError or ValueError only for what the API server's schema refuses."""
    meta, spec, status = body["metadata"], body["spec"], body.get("status") or {}
    notes, workload, release = meta.get("annotations") or {}, spec["workload"], spec.get("release") or {}
    asked, done = notes.get(ASKED, ""), notes.get(COMPLETED_BEFORE, "")
    return Offer(
        namespace=meta.get("namespace", ""),
        name=meta["name"],
        uid=meta.get("uid", ""),
        resource_version=meta.get("resourceVersion", ""),
        hub=spec["hub"],
        unit=spec["unit"],
        workload=WorkloadRef(workload["namespace"], workload["name"], workload["uid"]),
        epoch=int(spec["epoch"]),
        sequence=int(spec["sequence"]),
        revision=spec["revision"],
        content=spec.get("content") or {},
        demand=parse_demand(spec["demand"]),
        mobility=Mobility(spec.get("mobility", "Preferred")),
        exclusive=bool(spec.get("exclusive", False)),
        answer_by=parse_time(spec.get("answerBy")),
        withdrawn=bool(spec.get("withdrawn", False)),
        withdrawn_at=parse_time(notes.get(WITHDRAWN_AT)),
        release_requested=bool(release.get("requested", False)),
        release_acceptance=release.get("acceptance") or "",
        release_mode=ReleaseMode(release.get("mode") or "Drain"),
        ask_again=parse_time(notes.get(ASK_AGAIN)),
        asked_replicas=int(asked) if asked.isdigit() else None,
        completed_before=int(done) if done.isdigit() else 0,
        observed_epoch=int(status.get("observedEpoch") or 0),
        counter=int(status.get("counter") or 0),
        answer=_answer(status),
        running=_running(status.get("running")),
        state=OfferState(status.get("state") or "Pending"),
        reason=status.get("reason") or "",
        until=parse_time(status.get("until")),
        feedback={f["name"]: _value(f) for f in status.get("feedback") or ()},
    )


def parse_demand(raw: Mapping[str, Any]) -> Demand:
    return Demand(
        replicas=int(raw.get("replicas", 1)),
        gpus=int(raw.get("gpus", 0)),
        products=tuple(raw.get("products") or ()),
        memory_gib=int(raw.get("memoryGiB", 0)),
        gang=bool(raw.get("gang", False)),
        typical_watts=int(raw.get("typicalWatts", 0)),
        max_watts=int(raw.get("maxWatts", 0)),
    )


def new_offer(offer: Offer) -> dict[str, Any]:
    """The body to create: spec and identity, no status."""
    notes = notes_of(offer)
    return {
        "apiVersion": WORK_OFFER.api_version,
        "kind": WORK_OFFER.kind,
        "metadata": {
            "name": offer.name,
            "namespace": offer.namespace,
            "labels": {
                names.MANAGED_BY_LABEL: names.MANAGED_BY,
                names.WORKLOAD_UID_LABEL: offer.workload.uid,
                names.UNIT_LABEL: offer.unit,
            },
            **({"annotations": notes} if notes else {}),
        },
        "spec": {
            "hub": offer.hub,
            "workload": {
                "namespace": offer.workload.namespace,
                "name": offer.workload.name,
                "uid": offer.workload.uid,
            },
            "unit": offer.unit,
            "withdrawn": offer.withdrawn,
            "release": {"requested": False, "mode": "Drain"},
            **asked_fields(offer),
        },
    }


def asked_fields(offer: Offer) -> dict[str, Any]:
    """The part of the spec that a new sequence replaces."""
    return {
        "epoch": offer.epoch,
        "sequence": offer.sequence,
        "revision": offer.revision,
        "content": dict(offer.content),
        "demand": offer.demand.wire(),
        "mobility": str(offer.mobility),
        "exclusive": offer.exclusive,
        **({"answerBy": format_time(offer.answer_by)} if offer.answer_by else {}),
    }


def notes_of(offer: Offer) -> dict[str, str]:
    """The hub's own annotations on an offer."""
    notes: dict[str, str] = {}
    if offer.withdrawn_at:
        notes[WITHDRAWN_AT] = format_time(offer.withdrawn_at)
    if offer.ask_again:
        notes[ASK_AGAIN] = format_time(offer.ask_again)
    if offer.asked_replicas is not None:
        notes[ASKED] = str(offer.asked_replicas)
    if offer.completed_before:
        notes[COMPLETED_BEFORE] = str(offer.completed_before)
    return notes


def format_time(moment: datetime) -> str:
    """RFC 3339 in UTC, whole seconds unless there are more."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds" if moment.microsecond else "seconds")
    return text.replace("+00:00", "Z")


def parse_time(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _grant(raw: Mapping[str, Any]) -> Grant:
    return Grant(int(raw.get("replicas") or 0), int(raw.get("gpus") or 0), int(raw.get("watts") or 0))


def _answer(status: Mapping[str, Any]) -> Answer | None:
    raw = status.get("answer")
    if not raw:
        return None
    return Answer(
        verdict=AnswerVerdict(raw["verdict"]),
        sequence=int(status.get("observedSequence") or 0),
        grant=_grant(raw),
        reason=raw.get("reason") or "",
        message=raw.get("message") or "",
        until=parse_time(raw.get("until")),
        signature=raw.get("signature") or "",
    )


def _running(raw: Mapping[str, Any] | None) -> Running | None:
    if not raw:
        return None
    return Running(int(raw["sequence"]), raw["revision"], raw["acceptance"], _grant(raw))


def _value(feedback: Mapping[str, Any]) -> int | str:
    if "integer" in feedback:
        return int(feedback["integer"])
    return str(feedback.get("text", ""))
