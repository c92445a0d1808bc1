"""What would be left without anybody to end it if a process were uninstalled now. Reads only."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from policloud.api.names import FEDERATED_LABEL, FINALIZER, LABELLED_ANNOTATION, RECORD_LABEL, SCOPE_LABEL, SCOPE_LOCAL
from policloud.api.resources import (
    CONFIG_MAP,
    ENERGY_SOURCE,
    NAMESPACE,
    NODE,
    POLICLOUD_UNIT,
    SOVEREIGN_WORKLOAD,
    WORK_OFFER,
    Resource,
)
from policloud.api.rights import Role
from policloud.cli.checks import Finding, Level
from policloud.cli.fleet import is_published, key, name, namespace_of, placements, spec, status
from policloud.domain.federation.held import Held, HeldState
from policloud.ports import Body, Cluster, NotFoundError
from policloud.reconcile.site.journal import HELD, parse

_DELETE: Final = "kubectl delete {plural} {name} -n {namespace}"


async def stranded(cluster: Cluster, role: Role, namespace: str) -> list[Finding]:
    """Failures are what would be stranded, warnings what would be left over. Empty: uninstall at will."""
    return await (of_hub(cluster) if role == "hub" else of_site(cluster, namespace))


async def of_hub(cluster: Cluster) -> list[Finding]:
    """Workloads of tenants, and work at sites whose workload is gone; sites themselves need no hub to go on."""
    workloads = [w for w in await _list(cluster, SOVEREIGN_WORKLOAD) if not _local(w)]
    found = [_workload(w) for w in workloads if placements(w) or _held_back(w)]
    known = {w["metadata"]["uid"] for w in workloads}
    for offer in await _list(cluster, WORK_OFFER):
        runs = (status(offer).get("running") or {}).get("acceptance")
        uid = (spec(offer).get("workload") or {}).get("uid")
        if runs and status(offer).get("state") != "Released" and uid not in known:
            text = f"{key(offer)} runs at its site, and its SovereignWorkload is gone"
            fix = "wait until the site has confirmed the release; a site that is away confirms when it is back"
            found.append(Finding(WORK_OFFER.kind, Level.FAIL, text, fix))
    return found


async def of_site(cluster: Cluster, namespace: str) -> list[Finding]:
    """Work that runs here, promises to hubs, and objects that only this process can let go of."""
    workloads = await _list(cluster, SOVEREIGN_WORKLOAD)
    homes = await _list(cluster, NAMESPACE, label=f"{FEDERATED_LABEL}=true")
    federated = {name(home) for home in homes}
    found = [
        _federated(w) if namespace_of(w) in federated else _workload(w)
        for w in workloads
        if placements(w) or _held_back(w)
    ]
    records = await _list(cluster, CONFIG_MAP, namespace=namespace, label=f"{RECORD_LABEL}={HELD}")
    present = {name(w) for w in workloads}
    found += [
        _promise(held)
        for held in filter(None, map(parse, records))
        if held.state in (HeldState.ANSWERING, HeldState.ACCEPTED) and held.offer.offer_name not in present
    ]
    for resource in (POLICLOUD_UNIT, ENERGY_SOURCE):
        found += [
            _owned(resource, body)
            for body in await _list(cluster, resource)
            if _held_back(body) and not is_published(body)
        ]
    return [*found, *await _left_over(cluster, homes)]


async def _left_over(cluster: Cluster, homes: list[Body]) -> list[Finding]:
    """Harmless, and nobody's once this process is gone."""
    found = []
    if homes:
        text = f"{len(homes)} made for federated work: {_some(map(name, homes))}"
        fix = f"after uninstalling: kubectl delete namespace -l {FEDERATED_LABEL}=true"
        found.append(Finding("Namespaces", Level.WARN, text, fix))
    marked = [n for n in await _list(cluster, NODE) if LABELLED_ANNOTATION in (n["metadata"].get("annotations") or {})]
    if marked:
        text = f"{len(marked)} carry labels and taints of their unit: {_some(map(name, marked))}"
        fix = "delete the PolicloudUnits first: the running site takes the labels and taints off"
        found.append(Finding("Nodes", Level.WARN, text, fix))
    return found


def _workload(body: Body) -> Finding:
    where = ", ".join(sorted({str(p["unit"]) for p in placements(body)}))
    text = f"{key(body)} " + (f"runs on {where}" if where else "waits to be let go")
    return Finding(SOVEREIGN_WORKLOAD.kind, Level.FAIL, text, _delete(SOVEREIGN_WORKLOAD, body))


def _federated(body: Body) -> Finding:
    text = f"{key(body)} runs here for a hub"
    fix = "withdraw consent and let it drain (docs/how-to/withdraw-consent.md), or have the hub's tenant delete it"
    return Finding(SOVEREIGN_WORKLOAD.kind, Level.FAIL, text, fix)


def _promise(held: Held) -> Finding:
    text = f"{held.offer.offer_name} of hub {held.offer.hub} is promised to run on {held.offer.unit}"
    fix = "wait until it runs or is released; without a line to the hub it stays promised"
    return Finding("WorkOffer", Level.FAIL, text, fix)


def _owned(resource: Resource, body: Body) -> Finding:
    text = f"{key(body)} can only be let go by the running site: its finalizer stays, and with it its namespace"
    return Finding(resource.kind, Level.FAIL, text, _delete(resource, body))


def _delete(resource: Resource, body: Body) -> str:
    return _DELETE.format(plural=resource.plural, name=name(body), namespace=namespace_of(body))


def _local(body: Body) -> bool:
    return (body["metadata"].get("labels") or {}).get(SCOPE_LABEL) == SCOPE_LOCAL


def _held_back(body: Body) -> bool:
    return FINALIZER in (body["metadata"].get("finalizers") or ())


def _some(names: Iterable[str], most: int = 5) -> str:
    listed = sorted(names)
    return ", ".join(listed[:most]) + (f" and {len(listed) - most} more" if len(listed) > most else "")


async def _list(cluster: Cluster, resource: Resource, *, namespace: str | None = None, label: str = "") -> list[Body]:
    """A kind that is not installed has no objects; anything else that cannot be read must not pass for none."""
    try:
        return (await cluster.list(resource, namespace, label_selector=label or None)).items
    except NotFoundError:
        return []
