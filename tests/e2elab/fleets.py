"""Fleets made, put right, and taken away again, on either kind of cluster."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from e2elab import releases
from e2elab.cluster import NAMESPACE, Cluster, Machine
from e2elab.fleet import Fleet
from e2elab.lines import Lines
from e2elab.localcluster import LocalCluster
from e2elab.objects import TENANT, unit_name
from e2elab.state import listed

SITES = ("cannes", "malaga")
_GPUS, _SERVERS = 8, 2


def machines(site: str) -> list[Machine]:
    labels = {"policloud.io/pool": unit_name(site)}
    return [Machine(f"{site}-{n}", _GPUS, labels) for n in range(1, _SERVERS + 1)]


@contextlib.contextmanager
def made(kind: str, folder: Path) -> Iterator[Fleet]:
    """`kind`: local or kind. Gone when the block ends."""
    if kind == "kind":
        from e2elab import kindcluster  # noqa: PLC0415 - needs Docker

        servers = {"hub": machines("hub")[:1], **{site: machines(site) for site in SITES}}
        with kindcluster.made(folder, servers, releases.ours()) as clusters:
            yield _fleet(clusters, folder)
        return
    assert kind == "local", f"CLUSTER={kind}: there are local and kind"
    with _local(folder) as clusters:
        yield _fleet(clusters, folder)


def _fleet(clusters: dict[str, Cluster], folder: Path) -> Fleet:
    sites = {name: clusters[name] for name in SITES}
    return Fleet(clusters["hub"], sites, folder, releases.ours(), releases.frozen())


@contextlib.contextmanager
def _local(folder: Path) -> Iterator[dict[str, Cluster]]:
    lines = Lines()
    frozen = releases.unpacked(folder)
    clusters = {name: LocalCluster(name, folder, lines, frozen) for name in ("hub", *SITES)}
    try:
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(lambda c: c.create(machines(c.name)), clusters.values()))
        yield dict(clusters)
    finally:
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(LocalCluster.remove, clusters.values()))
        lines.close()


def joined(fleet: Fleet) -> None:
    """Install, invite and furnish whatever is not; return when the hub hears every site and may place work there."""
    if "policloud-hub" not in fleet.installed(fleet.hub):
        fleet.install_hub()

    def complete(site: str) -> None:
        cluster = fleet.sites[site]
        if "policloud-site" not in fleet.installed(cluster):
            fleet.install_site(cluster, fleet.invite(site))
            fleet.furnish(site)
        fleet.wait_joined(site)

    with ThreadPoolExecutor(len(fleet.sites)) as pool:
        list(pool.map(complete, fleet.sites))


def strip(cluster: Cluster) -> None:
    """Nothing of ours is left, by force. What a clean uninstall leaves is another scenario's business."""
    for release in Fleet.installed(cluster):
        Fleet.force_uninstall(cluster, release)
    _unmark(cluster)
    names = [n["metadata"]["name"] for n in listed(cluster, "namespaces")]
    ours = [n for n in names if n in {NAMESPACE, TENANT} or n.startswith(("site-", "policloud-", "fed-"))]
    definitions = [d["metadata"]["name"] for d in listed(cluster, "crd")]
    policloud = [d for d in definitions if d.endswith(".policloud.io")]
    for body in listed(cluster, ",".join(policloud)) if policloud else ():
        meta = body["metadata"]
        if meta.get("finalizers"):
            patch = '{"metadata":{"finalizers":null}}'
            cluster.kubectl("patch", body["kind"], meta["name"], "-n", meta["namespace"], "--type=merge", "-p", patch)
    if ours:
        cluster.kubectl("delete", "namespace", *ours, "--wait=false")  # takes 5 s, whatever is in it
    if policloud:
        cluster.kubectl("delete", "crd", *policloud, "--timeout=60s")
    if ours:
        cluster.kubectl("wait", "namespace", *ours, "--for=delete", "--timeout=90s")


def _unmark(cluster: Cluster) -> None:
    """Labels and taints that a site had put on its nodes, and its note of them."""
    for node in listed(cluster, "nodes"):
        meta = node["metadata"]
        if "policloud.io/labelled" in (meta.get("annotations") or {}):
            cluster.kubectl("annotate", "node", meta["name"], "policloud.io/labelled-")
        labels = [k for k in meta.get("labels") or {} if k in {"policloud.io/unit", "policloud.io/gpu-product"}]
        if labels:
            cluster.kubectl("label", "node", meta["name"], *(f"{label}-" for label in labels))
        for taint in node["spec"].get("taints") or ():
            if taint["key"].startswith("policloud.io/"):
                cluster.kubectl("taint", "node", meta["name"], f"{taint['key']}-")
