"""What a cluster knows, fetched at once, and the rows that every view is made of."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from policloud.api.names import SITE_NAMESPACE_PREFIX
from policloud.api.resources import (
    ENERGY_SOURCE,
    POLICLOUD_UNIT,
    SITE_MANDATE,
    SITE_MEMBERSHIP,
    SOVEREIGN_WORKLOAD,
    WORK_OFFER,
    Resource,
)
from policloud.domain.conditions import find
from policloud.ports import Body, Cluster, NotFoundError, RejectedError

HERE = "(this cluster)"


@dataclass(frozen=True, slots=True)
class Fleet:
    """Raw objects of one API server. What may not be read is empty and named in `unreadable`."""

    units: tuple[Body, ...] = ()
    sources: tuple[Body, ...] = ()
    workloads: tuple[Body, ...] = ()
    memberships: tuple[Body, ...] = ()
    offers: tuple[Body, ...] = ()
    mandates: tuple[Body, ...] = ()
    unreadable: tuple[str, ...] = ()

    @property
    def is_hub(self) -> bool:
        return bool(self.memberships) or any(is_published(u) for u in self.units)

    def sites(self) -> list[str]:
        names = {site_of(u) for u in self.units} | {name(m) for m in self.memberships}
        return sorted(names)


async def gather(cluster: Cluster, namespace: str | None = None) -> Fleet:
    """Every object of ours; `namespace` narrows the workloads only: units serve all of them."""
    wanted: tuple[tuple[Resource, str | None], ...] = (
        (POLICLOUD_UNIT, None),
        (ENERGY_SOURCE, None),
        (SOVEREIGN_WORKLOAD, namespace),
        (SITE_MEMBERSHIP, None),
        (WORK_OFFER, None),
        (SITE_MANDATE, None),
    )
    answers = await asyncio.gather(*(_list(cluster, r, ns) for r, ns in wanted))
    if all(items is None for items in answers):
        await cluster.list(POLICLOUD_UNIT)  # nothing could be read: let the server say why
    units, sources, workloads, memberships, offers, mandates = (tuple(items or ()) for items in answers)
    missing = tuple(str(r) for (r, _), items in zip(wanted, answers, strict=True) if items is None)
    return Fleet(units, sources, workloads, memberships, offers, mandates, unreadable=missing)


async def _list(cluster: Cluster, resource: Resource, namespace: str | None) -> list[Body] | None:
    try:
        return (await cluster.list(resource, namespace)).items
    except (NotFoundError, RejectedError):
        return None


def name(body: Mapping[str, Any]) -> str:
    return str(body["metadata"]["name"])


def namespace_of(body: Mapping[str, Any]) -> str:
    return str(body["metadata"].get("namespace", ""))


def key(body: Mapping[str, Any]) -> str:
    return f"{namespace_of(body)}/{name(body)}"


def spec(body: Mapping[str, Any]) -> Mapping[str, Any]:
    return body.get("spec") or {}


def status(body: Mapping[str, Any]) -> Mapping[str, Any]:
    return body.get("status") or {}


def is_published(unit: Mapping[str, Any]) -> bool:
    return bool(spec(unit).get("published"))


def site_of(unit: Mapping[str, Any]) -> str:
    """Membership whose published copy this is, or this cluster itself."""
    namespace = namespace_of(unit)
    if is_published(unit) and namespace.startswith(SITE_NAMESPACE_PREFIX):
        return namespace.removeprefix(SITE_NAMESPACE_PREFIX)
    return HERE


def condition(body: Mapping[str, Any], type_: str) -> tuple[str, str, str]:
    """(status, reason, message) of a condition; Unknown when the object has not been looked at yet."""
    found = find(status(body).get("conditions") or (), type_)
    return (found.status, found.reason, found.message) if found else ("Unknown", "", "")


@dataclass(frozen=True, slots=True)
class UnitRow:
    site: str
    unit: str
    ready: str
    reason: str
    message: str
    source: str | None
    available_watts: int | None
    used_watts: int | None
    gpus_used: int | None
    gpus_total: int | None
    grams_per_kwh: int | None
    workloads_local: int
    workloads_federated: int
    last_seen: str | None

    @property
    def workloads(self) -> int:
        return self.workloads_local + self.workloads_federated


@dataclass(frozen=True, slots=True)
class WorkloadRow:
    namespace: str
    name: str
    kind: str
    ready: str
    reason: str
    message: str
    placements: tuple[str, ...]  # "unit" or "unit×replicas"
    replicas_ready: int
    replicas: int
    watts: int | None
    priority: int
    created: str | None


def unit_row(unit: Body, fleet: Fleet) -> UnitRow:
    state = status(unit)
    ready, reason, message = condition(unit, "Ready")
    site = site_of(unit)
    seen = None
    for membership in fleet.memberships:
        if name(membership) == site:
            seen = status(membership).get("lastSeen")
            reachable, why, detail = condition(membership, "Reachable")
            if reachable == "False":
                ready, reason, message = "Unknown", why or "Unreachable", detail
    gpus, power = state.get("gpus") or {}, state.get("power") or {}
    energy, load = state.get("energy") or {}, state.get("workloads") or {}
    return UnitRow(
        site=site,
        unit=name(unit),
        ready=ready,
        reason=reason,
        message=message,
        source=energy.get("source") or power.get("source"),
        available_watts=power.get("availableWatts"),
        used_watts=power.get("usedWatts"),
        gpus_used=gpus.get("used"),
        gpus_total=gpus.get("total"),
        grams_per_kwh=energy.get("gramsPerKWh"),
        workloads_local=int(load.get("local") or 0),
        workloads_federated=int(load.get("federated") or 0),
        last_seen=seen,
    )


def unit_rows(fleet: Fleet) -> list[UnitRow]:
    rows = [unit_row(u, fleet) for u in fleet.units]
    return sorted(rows, key=lambda r: (r.site, r.unit))


def wanted_replicas(workload: Mapping[str, Any]) -> int:
    body = spec(workload)
    if inference := body.get("inference"):
        return int(inference.get("replicas", 1))
    if batch := body.get("batch"):
        return int(batch.get("parallelism", 1))
    return 1


def placements(workload: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    listed: Sequence[Mapping[str, Any]] = status(workload).get("placements") or ()
    return listed


def workload_row(workload: Body) -> WorkloadRow:
    state = status(workload)
    ready, reason, message = condition(workload, "Ready")
    return WorkloadRow(
        namespace=namespace_of(workload),
        name=name(workload),
        kind=str(spec(workload).get("class", "")),
        ready=ready,
        reason=reason,
        message=message,
        placements=tuple(f"{p['unit']}×{p.get('replicas', 0)}" for p in placements(workload) if p.get("replicas")),
        replicas_ready=int(state.get("readyReplicas") or 0),
        replicas=wanted_replicas(workload),
        watts=state.get("watts"),
        priority=int(spec(workload).get("priority") or 0),
        created=workload["metadata"].get("creationTimestamp"),
    )


def workload_rows(workloads: Iterable[Body]) -> list[WorkloadRow]:
    return sorted((workload_row(w) for w in workloads), key=lambda r: (r.namespace, r.name))
