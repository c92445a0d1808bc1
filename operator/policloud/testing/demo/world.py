"""What the API servers hold, in the words of the scenes: workloads, offers, children and pods by place."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from policloud.api.names import SYSTEM_NAMESPACE, WORKLOAD_LABEL
from policloud.api.resources import (
    DEPLOYMENT,
    JOB,
    POD,
    POLICLOUD_UNIT,
    SITE_MANDATE,
    SITE_MEMBERSHIP,
    SOVEREIGN_WORKLOAD,
    WORK_OFFER,
)
from policloud.cli.fleet import condition, name, namespace_of, placements, spec, status
from policloud.ports import Body, Cluster, NotFoundError

OPEN_STATES = {"Running", "Suspended", "Draining"}


@dataclass(frozen=True, slots=True)
class Child:
    """One object that a site made for a workload: identity and count of what it runs."""

    site: str
    kind: str
    namespace: str
    name: str
    uid: str


class World:
    """Reads (and, as tenant or owner, edits) the hub and the sites through their API servers."""

    def __init__(self, hub: Cluster, sites: Mapping[str, Cluster]) -> None:
        self.hub = hub
        self.sites = dict(sites)

    # -- hub

    async def workload(self, key: str) -> Body:
        namespace, workload = key.split("/")
        return await self.hub.get(SOVEREIGN_WORKLOAD, namespace, workload)

    async def offers(self, workload: Body) -> list[Body]:
        uid = workload["metadata"]["uid"]
        listed = (await self.hub.list(WORK_OFFER)).items
        return [o for o in listed if (spec(o).get("workload") or {}).get("uid") == uid]

    async def edit(self, key: str, patch: Mapping[str, Any]) -> Body:
        namespace, workload = key.split("/")
        return await self.hub.merge_patch(SOVEREIGN_WORKLOAD, namespace, workload, {"spec": patch}, manager="tenant")

    async def create(self, site: str | None, body: Body) -> Body:
        """At a site, or on the hub if None."""
        return await (self.hub if site is None else self.sites[site]).create(SOVEREIGN_WORKLOAD, body)

    async def reachable(self, site: str) -> str:
        membership = await self.hub.get(SITE_MEMBERSHIP, f"site-{site}", site)
        return condition(membership, "Reachable")[0]

    # -- sites

    async def local_workload(self, site: str, key: str) -> Body:
        namespace, workload = key.split("/")
        return await self.sites[site].get(SOVEREIGN_WORKLOAD, namespace, workload)

    async def unit(self, site: str, unit: str) -> Body:
        return await self.sites[site].get(POLICLOUD_UNIT, SYSTEM_NAMESPACE, unit)

    async def mandates(self, site: str) -> list[Body]:
        return (await self.sites[site].list(SITE_MANDATE, SYSTEM_NAMESPACE)).items

    async def edit_mandate(self, site: str, mandate: str, patch: Mapping[str, Any]) -> Body:
        return await self.sites[site].merge_patch(
            SITE_MANDATE, SYSTEM_NAMESPACE, mandate, {"spec": patch}, manager="owner"
        )

    async def pods(self, site: str, workload_name: str, namespace: str | None = None) -> list[Body]:
        """Pods that are not on their way out, of a local SovereignWorkload (federated: of the offer's name)."""
        listed = await self.sites[site].list(POD, namespace, label_selector=f"{WORKLOAD_LABEL}={workload_name}")
        return [p for p in listed.items if "deletionTimestamp" not in p["metadata"] and _alive(p)]

    async def pods_of(self, workload: Body, sites: Iterable[str]) -> dict[str, int]:
        """Living pods by site, of a hub's workload, counted at the sites themselves, wherever they are."""
        names = {name(o) for o in await self.offers(workload)}
        counts = await asyncio.gather(*(self._count(s, names) for s in sites))
        return {s: n for s, n in zip(sites, counts, strict=True) if n}

    async def _count(self, site: str, workload_names: set[str]) -> int:
        counts = await asyncio.gather(*(self.pods(site, n) for n in sorted(workload_names)))
        return sum(len(pods) for pods in counts)

    async def children(self, site: str) -> dict[str, Child]:
        """Every SovereignWorkload, Deployment, Job and service pod of a site, by UID. Pods of Jobs come and go."""
        found: dict[str, Child] = {}
        for resource in (SOVEREIGN_WORKLOAD, DEPLOYMENT, JOB, POD):
            selector = None if resource is SOVEREIGN_WORKLOAD else WORKLOAD_LABEL
            for body in (await self.sites[site].list(resource, label_selector=selector)).items:
                if resource is POD and (not _alive(body) or _owner_kind(body) == "Job"):
                    continue
                uid = body["metadata"]["uid"]
                found[uid] = Child(site, resource.kind, namespace_of(body), name(body), uid)
        return found

    async def all_children(self, sites: Iterable[str]) -> dict[str, Child]:
        answers = await asyncio.gather(*(self.children(s) for s in sites))
        return {uid: child for answer in answers for uid, child in answer.items()}

    async def on_hub(self, key: str) -> bool:
        try:
            await self.workload(key)
        except NotFoundError:
            return False
        return True


def _alive(pod: Body) -> bool:
    return status(pod).get("phase") in ("Pending", "Running")


def _owner_kind(pod: Body) -> str:
    owners = pod["metadata"].get("ownerReferences") or [{}]
    return str(owners[0].get("kind", ""))


def ready(body: Body) -> tuple[str, str]:
    """(status, reason) of Ready."""
    return condition(body, "Ready")[:2]


def places(workload: Body) -> dict[str, int]:
    """Replicas by unit, as the workload's status has it."""
    found: dict[str, int] = {}
    for p in placements(workload):
        if p.get("replicas"):
            found[str(p["unit"])] = found.get(str(p["unit"]), 0) + int(p["replicas"])
    return found


def site_of_unit(unit: str) -> str:
    """Units of the seed fleet are named after their site: texas-2 stands at texas."""
    return unit.rsplit("-", 1)[0]


def verdict_on(workload: Body, unit: str) -> Mapping[str, Any]:
    """The row of `status.decision` on one unit; empty if it has none."""
    for row in (status(workload).get("decision") or {}).get("units") or ():
        if row.get("unit") == unit:
            found: Mapping[str, Any] = row
            return found
    return {}


def running_offers(offers: Iterable[Body]) -> dict[str, Body]:
    """By unit, the offer that is accepted and neither given back nor final."""
    return {
        str(spec(o)["unit"]): o for o in offers if status(o).get("running") and status(o).get("state") in OPEN_STATES
    }
