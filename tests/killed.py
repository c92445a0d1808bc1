"""Ten workloads whose end does not depend on timing, who kills the operators meanwhile, and who sees what they make."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

from policloud.api import names, resources
from policloud.api.resources import Resource
from policloud.ports import Body, Cluster
from policloud.testing.local import Federation

SITES = ("cannes", "dijon")
SCALED, DELETED, REFUSED = "scaled", "deleted", "refused"
_UNITS = {"FR-06": "cannes-1", "FR-21": "dijon-1"}
_POLL = 0.1


def workloads(tenant: str) -> list[Body]:
    """Each is lawful at one unit, at none, or its spread leaves one way to divide it: nothing is left to chance."""
    return [
        _inference(tenant, "pinned", "FR-21", 2, mobility="Pinned"),
        _inference(tenant, SCALED, "FR-06", 2, mobility="Preferred"),
        _inference(tenant, DELETED, "FR-21", 2, mobility="Preferred"),
        _batch(tenant, "batch", "FR-21", 2, mobility="Pinned"),
        _inference(tenant, "free", "FR-06", 3, mobility="Free"),
        _batch(tenant, "gang", "FR-06", 3, mobility="Free", gang=True),
        _inference(tenant, "shared", "FR", 4, mobility="Free", spread={"over": "Unit", "maxPerDomain": 2}),
        _inference(tenant, REFUSED, "FR-33", 1, mobility="Preferred"),
        _inference(tenant, "large", "FR-21", 2, mobility="Preferred", gpus=4),
        _batch(tenant, "preferred", "FR-06", 1, mobility="Preferred"),
    ]


ASKED = {"pinned": 2, SCALED: 4, DELETED: 2, "batch": 2, "free": 3, "gang": 3, "shared": 4, "large": 2, "preferred": 1}
"""So many pods may ever be made for each, over all sites."""


def _inference(tenant: str, name: str, where: str, replicas: int, *, gpus: int = 1, **placement: Any) -> Body:
    block = {"replicas": replicas, "port": 8000, "template": {"spec": {"containers": [_container()]}}}
    return _workload(
        tenant, name, where, work={"class": "Inference", "inference": block}, gpus=gpus, placement=placement
    )


def _batch(tenant: str, name: str, where: str, parallelism: int, *, gang: bool = False, **placement: Any) -> Body:
    template = {
        "metadata": {"annotations": {"policloud.io/simulated-seconds": "3600"}},  # longer than the test
        "spec": {"restartPolicy": "Never", "containers": [_container()]},
    }
    block = {"completions": 12, "parallelism": parallelism, "gang": gang, "template": template}
    return _workload(tenant, name, where, work={"class": "Batch", "batch": block}, gpus=1, placement=placement)


def _container() -> Body:
    return {"name": "main", "image": "registry.example.org/app:1"}


def _workload(tenant: str, name: str, where: str, *, work: Body, gpus: int, placement: Body) -> Body:
    spec = {
        **work,
        "gpu": {"perReplica": gpus, "memoryGiB": 40},
        "sovereignty": {"location": {"allow": [where]}, "data": {"classification": "Internal"}},
        "placement": placement,
    }
    metadata = {"name": name, "namespace": tenant}
    return {"apiVersion": resources.API_VERSION, "kind": "SovereignWorkload", "metadata": metadata, "spec": spec}


# -- who kills


class Killer:
    """SIGKILLs hub and sites, each at moments of its own; each is started again at once.

    The waits are no waits for something to happen: how long a process lives *is* what the seed chooses. Every third
    life ends at once, within its start-up; the others live up to `longest` seconds after their first answer.
    """

    def __init__(self, federation: Federation, seed: int, longest: Mapping[str, float]) -> None:
        self._federation = federation
        self._left = 0
        self._longest = longest
        self._rngs = {name: random.Random(f"{seed} {name}") for name in longest}  # noqa: S311 - chooses moments
        self._changed = asyncio.Condition()
        self.kills: Counter[str] = Counter()

    async def run(self, kills: int) -> None:
        """So many more, over all processes."""
        self._left = kills
        async with asyncio.TaskGroup() as group:
            for name in self._longest:
                group.create_task(self._haunt(name))

    async def after(self, kills: int) -> None:
        """Return when so many have happened."""
        async with self._changed:
            await self._changed.wait_for(lambda: self.kills.total() >= kills)

    async def _haunt(self, name: str) -> None:
        rng = self._rngs[name]
        while self._left:
            self._left -= 1
            if rng.random() < 1 / 3:
                await asyncio.sleep(rng.uniform(0.2, 2.0))
            else:
                await asyncio.to_thread(self._until_it_answers, name)
                await asyncio.sleep(rng.uniform(0.0, self._longest[name]))
            await asyncio.to_thread(self._federation.kill, name)
            await asyncio.to_thread(self._federation.start, name)
            async with self._changed:
                self.kills[name] += 1
                self._changed.notify_all()

    def _until_it_answers(self, name: str) -> None:
        port = self._federation.state.ports[f"probe:{name.rpartition(':')[2]}"]
        process = name.replace(":", "-")
        while not _answers(f"http://127.0.0.1:{port}/readyz"):
            self._federation.processes.check(process)
            self._federation.processes.wait_gone(process, _POLL)


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=2):  # noqa: S310 - our own http URL
            return True
    except HTTPError:
        return True  # not ready yet, but up
    except OSError:
        return False


# -- who sees

_WATCHED = (resources.SOVEREIGN_WORKLOAD, resources.DEPLOYMENT, resources.JOB, resources.SERVICE, resources.POD)


@dataclass(slots=True)
class Witness:
    """Watches what a site makes for federated work, from before the first submission: nothing escapes between looks."""

    sites: Mapping[str, Cluster]
    made: dict[tuple[str, str, str, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    """UIDs ever seen under (site, kind, namespace, name)."""
    ever: dict[tuple[str, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    """UIDs of all pods ever of (site, offer)."""
    gone: set[str] = field(default_factory=set)
    """UIDs of all objects that were deleted."""

    async def run(self, ready: asyncio.Event) -> None:
        waiting = {(site, resource) for site in self.sites for resource in _WATCHED}
        async with asyncio.TaskGroup() as group:
            for site, cluster in self.sites.items():
                for resource in _WATCHED:
                    group.create_task(self._watch(site, cluster, resource, waiting, ready))

    async def _watch(
        self, site: str, cluster: Cluster, resource: Resource, waiting: set[Any], ready: asyncio.Event
    ) -> None:
        listing = await cluster.list(resource)
        version = listing.resource_version
        for body in listing.items:
            self._see(site, resource, body, deleted=False)
        waiting.discard((site, resource))
        if not waiting:
            ready.set()
        while True:
            async for event in cluster.watch(resource, resource_version=version):
                version = event.object["metadata"]["resourceVersion"]
                if event.type != "BOOKMARK":
                    self._see(site, resource, event.object, deleted=event.type == "DELETED")

    def _see(self, site: str, resource: Resource, body: Body, *, deleted: bool) -> None:
        meta = body["metadata"]
        if not meta["namespace"].startswith("fed-"):
            return
        if deleted:
            self.gone.add(meta["uid"])
        if resource is resources.POD:
            self.ever[site, _offer(body)].add(meta["uid"])
        else:
            self.made[site, resource.kind, meta["namespace"], meta["name"]].add(meta["uid"])


def _offer(body: Body) -> str:
    return str((body["metadata"].get("labels") or {}).get(names.WORKLOAD_LABEL, ""))


# -- what it came to


@dataclass(frozen=True, slots=True)
class Worlds:
    hub: Cluster
    sites: Mapping[str, Cluster]

    async def offers(self, tenant: str) -> dict[str, Body]:
        """By name, those of a tenant's workloads, of deleted ones too."""
        listed = (await self.hub.list(resources.WORK_OFFER)).items
        return {o["metadata"]["name"]: o for o in listed if o["spec"]["workload"]["namespace"] == tenant}

    async def end(self, tenant: str) -> dict[str, Any]:
        """All that must be equal after equal runs: without UIDs, times, sequences, and names made of them."""
        offers = await self.offers(tenant)
        found = {
            "workloads": sorted(map(_workload_end, (await self.hub.list(resources.SOVEREIGN_WORKLOAD, tenant)).items)),
            "offers": sorted(e for e in map(_offer_end, offers.values()) if e),
        }
        for site, cluster in self.sites.items():
            found[site] = await self._site_end(cluster, tenant, offers)
        return found

    async def _site_end(self, cluster: Cluster, tenant: str, offers: Mapping[str, Body]) -> list[str]:
        lines: list[str] = []
        for resource, tell in _TELL.items():
            selector = f"{names.RECORD_LABEL}=held" if resource is resources.CONFIG_MAP else None
            for body in (await cluster.list(resource, label_selector=selector)).items:
                owner = _workload_of(resource, body, offers)
                if owner and owner["namespace"] == tenant and (told := tell(body)):
                    lines.append(f"{owner['name']}: {resource.kind} {told}")
        return sorted(lines)


def _workload_of(resource: Resource, body: Body, offers: Mapping[str, Body]) -> Mapping[str, str] | None:
    """The hub's workload that an object at a site belongs to; a record knows it, though the offer be gone."""
    if resource is resources.CONFIG_MAP:
        recorded: Mapping[str, str] = json.loads(body["data"]["offer"])["workload"]
        return recorded
    offer = offers.get(body["metadata"]["name"] if resource is resources.SOVEREIGN_WORKLOAD else _offer(body))
    return None if offer is None else offer["spec"]["workload"]


def _workload_end(body: Body) -> str:
    status = body.get("status") or {}
    parts = [
        f"{p['unit']} {p['replicas']} {p.get('readyReplicas', 0)} {p['state']}" for p in status.get("placements", ())
    ]
    conditions = [f"{c['type']}={c['status']} {c['reason']}" for c in status.get("conditions", ())]
    seen = status.get("observedGeneration") == body["metadata"]["generation"]
    counts = f"{status.get('replicas', 0)} {status.get('readyReplicas', 0)} observed {seen}"
    return f"{body['metadata']['name']}: {counts}; {sorted(conditions)}; {sorted(parts)}"


def _offer_end(body: Body) -> str:
    """Empty for one that is withdrawn and holds nothing: a slow machine withdraws also where nobody is killed."""
    spec, status = body["spec"], body.get("status") or {}
    running = status.get("running")
    if not running and spec.get("withdrawn"):
        return ""
    if not running and status.get("state") != "Released":
        return f"{spec['workload']['name']} {spec['unit']}: open"
    granted = {k: v for k, v in (running or {}).items() if k in {"replicas", "gpus", "watts"}}
    wanted = f"withdrawn {spec.get('withdrawn', False)}, release {bool((spec.get('release') or {}).get('requested'))}"
    return f"{spec['workload']['name']} {spec['unit']}: {status.get('state')} {sorted(granted.items())}, {wanted}"


def _tell_local(body: Body) -> str:
    ready = [c["reason"] for c in (body.get("status") or {}).get("conditions", ()) if c["type"] == "Ready"]
    return f"{ready} {body['status'].get('readyReplicas')}" if "status" in body else "without status"


def _tell_job(body: Body) -> str:
    spec, status = body["spec"], body.get("status") or {}
    return f"{spec['parallelism']} of {spec['completions']}, suspended {spec.get('suspend')}, {status.get('active', 0)}"


def _tell_record(body: Body) -> str:
    data = {k: json.loads(v) for k, v in body["data"].items()}
    never = data["state"] == "Released" and not data.get("acceptance")
    return "" if never else f"{data['state']} {sorted(data['grant'].items())} on {data['offer']['unit']}"


_TELL: Mapping[Resource, Callable[[Body], str]] = {
    resources.SOVEREIGN_WORKLOAD: _tell_local,
    resources.DEPLOYMENT: lambda b: f"{b['spec']['replicas']} ready {(b.get('status') or {}).get('readyReplicas', 0)}",
    resources.JOB: _tell_job,
    resources.SERVICE: lambda b: f"{sorted(p['port'] for p in b['spec'].get('ports', ()))}",
    resources.POD: lambda b: f"{b['status'].get('phase')}",
    resources.CONFIG_MAP: _tell_record,
}


def twice(witness: Witness, offers: Mapping[str, Body]) -> list[str]:
    """What was made more than once, or more of it than was asked; empty is right."""
    found = [f"{key}: {len(uids)} UIDs" for key, uids in witness.made.items() if len(uids) > 1]
    shares: dict[tuple[str, str], set[tuple[str, str]]] = defaultdict(set)
    pods: Counter[str] = Counter()
    for site, kind, _, name in witness.made:
        if kind == "SovereignWorkload" and name in offers:
            shares[offers[name]["spec"]["workload"]["name"], offers[name]["spec"]["unit"]].add((site, name))
    found += [f"{share} was carried out {len(locals_)} times" for share, locals_ in shares.items() if len(locals_) > 1]
    for (_, name), uids in witness.ever.items():
        if name in offers:
            pods[offers[name]["spec"]["workload"]["name"]] += len(uids)
    found += [
        f"{name}: {count} pods were made, {ASKED.get(name, 0)} asked"
        for name, count in pods.items()
        if count > ASKED.get(name, 0)
    ]
    return found


def differences(expected: Mapping[str, Any], found: Mapping[str, Any]) -> Sequence[str]:
    lines = []
    for part, wanted in expected.items():
        had, has = Counter(wanted), Counter(found[part])
        lines += [f"{part}: missing {line}" for line in (had - has).elements()]
        lines += [f"{part}: too much {line}" for line in (has - had).elements()]
    return lines
