"""A SovereignWorkload of the hub as the protocol needs it, and the plan that is written on it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from policloud.api import names
from policloud.api.offers import parse_demand
from policloud.domain.federation.content import Planned, Wanted
from policloud.domain.federation.offers import WorkloadRef
from policloud.ports import Body


def wanted_of(body: Body) -> Wanted:
    meta = body["metadata"]
    return Wanted(
        ref=WorkloadRef(meta.get("namespace", ""), meta["name"], meta.get("uid", "")),
        spec=body.get("spec") or {},
        generation=int(meta.get("generation") or 1),
        resource_version=meta.get("resourceVersion", ""),
        deleting="deletionTimestamp" in meta,
        finalizer=names.FINALIZER in (meta.get("finalizers") or ()),
        planned=read_plan(body),
    )


def is_local(body: Body) -> bool:
    """Labelled to stay with a site: the hub keeps out of it."""
    return (body["metadata"].get("labels") or {}).get(names.SCOPE_LABEL) == names.SCOPE_LOCAL


def is_federated(body: Body) -> bool:
    """A site's copy of federated work, on a cluster that runs both."""
    return names.OFFER_ANNOTATION in (body["metadata"].get("annotations") or {})


def read_plan(body: Body) -> tuple[Planned, ...]:
    """The planned offers; entries that cannot be read are none of ours (a tenant may write annotations)."""
    raw = (body["metadata"].get("annotations") or {}).get(names.PLAN_ANNOTATION)
    if not raw:
        return ()
    try:
        entries = json.loads(raw)
    except ValueError:
        return ()
    found = (_planned(e) for e in entries if isinstance(e, Mapping)) if isinstance(entries, list) else ()
    return tuple(p for p in found if p is not None)


def plan_text(entries: Iterable[Planned]) -> str:
    return json.dumps([_entry(p) for p in entries], separators=(",", ":"))


def _entry(p: Planned) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "namespace": p.namespace,
        "name": p.name,
        "unit": p.unit,
        "sequence": p.sequence,
        "demand": p.demand.wire(),
    }
    if p.completed_before:
        entry["completedBefore"] = p.completed_before
    return entry


def _planned(entry: Mapping[str, Any]) -> Planned | None:
    try:
        return Planned(
            namespace=str(entry["namespace"]),
            name=str(entry["name"]),
            unit=str(entry["unit"]),
            sequence=int(entry["sequence"]),
            demand=parse_demand(entry["demand"]),
            completed_before=int(entry.get("completedBefore", 0)),
        )
    except (KeyError, TypeError, ValueError):
        return None
