"""Held records: one ConfigMap per offer in the site's system namespace. What the site knows without the hub."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any

from policloud.api import names
from policloud.api.resources import CONFIG_MAP
from policloud.domain.federation.held import Held, HeldState, Identity, Pledge
from policloud.domain.federation.offers import AnswerVerdict, Grant, WorkloadRef
from policloud.ports import Body, Cluster, NotFoundError
from policloud.runtime.store import Store

HELD = "held"
KIND = str(CONFIG_MAP)


def record_name(offer_name: str) -> str:
    return f"held-{offer_name}"


def is_record(body: Body) -> bool:
    return (body["metadata"].get("labels") or {}).get(names.RECORD_LABEL) == HELD


class Journal:
    """Reads records from the store, writes them through the cluster; a write returns only when it is stored.

    Two offers of one name (two hubs) cannot share a record: the second is told apart by the offer's UID and its
    name gets that UID's first eight characters.
    """

    def __init__(self, cluster: Cluster, store: Store, namespace: str) -> None:
        self._cluster = cluster
        self._store = store
        self._parsed: dict[str, tuple[str, Held | None]] = {}
        self.namespace = namespace

    def all(self) -> list[Held]:
        """Every record that can be read; one that cannot is left alone."""
        bodies = (b for b in self._store.list(KIND, self.namespace) if is_record(b))
        return [held for held in map(self._parse, bodies) if held is not None]

    def of(self, offer_uid: str) -> Held | None:
        return next((h for h in self.all() if h.offer.offer_uid == offer_uid), None)

    async def save(self, held: Held) -> Held:
        """Create or replace under the version that was read; ConflictError if it moved on."""
        body = self._body(held)
        if held.resource_version:
            body["metadata"]["resourceVersion"] = held.resource_version
            stored = await self._cluster.replace(CONFIG_MAP, body)
        else:
            stored = await self._cluster.create(CONFIG_MAP, body)
        saved = parse(stored)
        if saved is None:
            raise ValueError(f"record {body['metadata']['name']} did not survive its own storing")
        return saved

    async def forget(self, held: Held) -> None:
        """Delete the version that was read; gone already is fine."""
        name = self._name(held)
        with contextlib.suppress(NotFoundError):
            await self._cluster.delete(CONFIG_MAP, self.namespace, name, resource_version=held.resource_version or None)
        self._store.remove(KIND, (self.namespace, name))

    def _parse(self, body: Body) -> Held | None:
        """Once a version: every answer looks at all records."""
        meta = body["metadata"]
        known = self._parsed.get(meta["name"])
        if known is None or known[0] != meta.get("resourceVersion"):
            known = self._parsed[meta["name"]] = (meta.get("resourceVersion", ""), parse(body))
        return known[1]

    def _name(self, held: Held) -> str:
        if held.record:
            return held.record
        plain = record_name(held.offer.offer_name)
        other = self._store.get(KIND, (self.namespace, plain))
        known = parse(other) if other else None
        if known is None or known.offer.offer_uid == held.offer.offer_uid:
            return plain
        return f"{plain}-{held.offer.offer_uid[:8]}"

    def _body(self, held: Held) -> Body:
        return {
            "apiVersion": CONFIG_MAP.api_version,
            "kind": CONFIG_MAP.kind,
            "metadata": {
                "name": self._name(held),
                "namespace": self.namespace,
                "labels": {
                    names.RECORD_LABEL: HELD,
                    names.MANAGED_BY_LABEL: names.MANAGED_BY,
                    names.HUB_LABEL: held.offer.hub,
                },
            },
            "data": {key: json.dumps(value, separators=(",", ":")) for key, value in _data(held).items()},
        }


def parse(body: Body) -> Held | None:
    """The record in a ConfigMap; None if it is not one of ours or was damaged."""
    data = body.get("data") or {}
    try:
        held = _held({k: json.loads(v) for k, v in data.items()}, body["metadata"].get("resourceVersion", ""))
        return replace(held, record=body["metadata"].get("name", ""))
    except (ValueError, KeyError, TypeError):
        return None


def reserved(records: Iterable[Held], unit: str) -> Grant:
    """Everything that records hold on a unit."""
    held = [r.reserved for r in records if r.offer.unit == unit]
    return Grant(sum(g.replicas for g in held), sum(g.gpus for g in held), sum(g.watts for g in held))


def _data(held: Held) -> dict[str, Any]:
    o = held.offer
    data: dict[str, Any] = {
        "offer": {
            "hub": o.hub,
            "offerNamespace": o.offer_namespace,
            "offerName": o.offer_name,
            "offerUID": o.offer_uid,
            "workload": asdict(o.workload),
            "unit": o.unit,
        },
        "state": str(held.state),
        "counter": held.counter,
        "epoch": held.epoch,
        "sequence": held.sequence,
        "revision": held.revision,
        "acceptance": held.acceptance,
        "grant": asdict(held.grant),
        "mandate": held.mandate,
    }
    if held.pledge:
        data["pledge"] = _pledge_data(held.pledge)
    if held.drain_until:
        data["drainUntil"] = _time(held.drain_until)
        data["drainReason"] = held.drain_reason
    if held.released_at:
        data["releasedAt"] = _time(held.released_at)
        data["drainReason"] = held.drain_reason
    return data


def _pledge_data(pledge: Pledge) -> dict[str, Any]:
    return {
        "sequence": pledge.sequence,
        "revision": pledge.revision,
        "epoch": pledge.epoch,
        "counter": pledge.counter,
        "verdict": str(pledge.verdict),
        "grant": asdict(pledge.grant),
        "acceptance": pledge.acceptance,
        "reason": pledge.reason,
        "message": pledge.message,
        "until": _time(pledge.until) if pledge.until else None,
        "mandate": pledge.mandate,
    }


def _held(data: Mapping[str, Any], version: str) -> Held:
    o = data["offer"]
    return Held(
        offer=Identity(
            o["hub"], o["offerNamespace"], o["offerName"], o["offerUID"], WorkloadRef(**o["workload"]), o["unit"]
        ),
        state=HeldState(data["state"]),
        epoch=int(data["epoch"]),
        sequence=int(data["sequence"]),
        revision=data["revision"],
        acceptance=data["acceptance"],
        grant=Grant(**data["grant"]),
        counter=int(data["counter"]),
        pledge=_pledge(data["pledge"]) if data.get("pledge") else None,
        mandate=data.get("mandate", ""),
        drain_until=_when(data.get("drainUntil")),
        drain_reason=data.get("drainReason", ""),
        released_at=_when(data.get("releasedAt")),
        resource_version=version,
    )


def _pledge(raw: Mapping[str, Any]) -> Pledge:
    return Pledge(
        sequence=int(raw["sequence"]),
        revision=raw["revision"],
        epoch=int(raw["epoch"]),
        counter=int(raw["counter"]),
        verdict=AnswerVerdict(raw["verdict"]),
        grant=Grant(**raw["grant"]),
        acceptance=raw["acceptance"],
        reason=raw["reason"],
        message=raw["message"],
        until=_when(raw["until"]),
        mandate=raw["mandate"],
    )


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _when(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
