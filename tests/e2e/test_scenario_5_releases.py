"""From the frozen release to this one and back, with work that runs; and both charts on one cluster."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from e2elab import inventory, releases
from e2elab.cluster import NAMESPACE, Body, Release
from e2elab.fleet import Fleet
from e2elab.objects import TENANT
from e2elab.starts import Starts
from e2elab.state import get, is_true, listed, until
from policloud.api.names import CRD_VERSION_ANNOTATION

_REPLACED = (f"Pod {NAMESPACE}/", f"ReplicaSet {NAMESPACE}/")


def _state(fleet: Fleet) -> dict[str, tuple[str, int]]:
    """Pods of the work by name: which one it is, and how often its containers were started again."""
    return {
        pod["metadata"]["name"]: (pod["metadata"]["uid"], _restarts(pod))
        for site in fleet.sites
        for pod in fleet.pods(site)
    }


def _restarts(pod: Body) -> int:
    return sum(int(s["restartCount"]) for s in pod["status"].get("containerStatuses") or ())


def _images(fleet: Fleet) -> set[str]:
    """Of our processes, on all clusters."""
    return {
        container["image"]
        for cluster in fleet.clusters
        for pod in listed(cluster, "pods", "-n", NAMESPACE)
        if pod["status"]["phase"] == "Running" and not pod["metadata"].get("deletionTimestamp")
        for container in pod["spec"]["containers"]
    }


def test_upgrade_and_rollback_touch_no_pod_of_the_work(bare: Fleet) -> None:
    """CRDs follow the release that owns them; every other object is the same one after as before, by its UID."""
    fleet = bare
    invitations = _frozen_federation(fleet)
    skies, tides = Starts(fleet, "sky"), Starts(fleet, "tide")
    fleet.submit("sky", 2, at=["cannes", "malaga"])
    fleet.submit("tide", 1, at=["malaga"])
    fleet.wait_running("sky", 2)
    fleet.wait_running("tide", 1, "malaga")
    before, objects = _state(fleet), _lasting(fleet)
    assert len(before) == 3
    _crds_are_of(fleet, fleet.frozen)

    fleet.install_hub()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda site: fleet.install_site(fleet.sites[site], invitations[site]), fleet.sites))
    until(lambda: _images(fleet) == {fleet.ours.image}, 60, what="all run this release", seen=lambda: _images(fleet))
    _as_before(fleet, before)
    _crds_are_of(fleet, fleet.ours)
    assert _lost(objects, _lasting(fleet)) == []
    fleet.scale("tide", 2)
    fleet.wait_running("tide", 2, "malaga")
    fleet.scale("tide", 1)
    fleet.wait_running("tide", 1, "malaga")
    before = _state(fleet)

    fleet.rollback(fleet.hub, "hub")
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda cluster: fleet.rollback(cluster, "site"), fleet.sites.values()))
    until(
        lambda: _images(fleet) == {fleet.frozen.image}, 60, what="all run the frozen one", seen=lambda: _images(fleet)
    )
    _as_before(fleet, before)
    _crds_are_of(fleet, fleet.frozen)
    assert _lost(objects, _lasting(fleet)) == []
    assert (skies.count(2), tides.count(2)) == (2, 2)
    fleet.remove_work()


def _frozen_federation(fleet: Fleet) -> dict[str, Path]:
    """Joined and furnished; the invitations that were used."""
    fleet.install_hub(fleet.frozen)

    def join(site: str) -> Path:
        invitation = fleet.invite(site)
        fleet.install_site(fleet.sites[site], invitation, release=fleet.frozen)
        fleet.furnish(site)
        return invitation

    with ThreadPoolExecutor(2) as pool:
        invitations = dict(zip(fleet.sites, pool.map(join, fleet.sites), strict=True))
    for site in fleet.sites:
        fleet.wait_joined(site)
    return invitations


def _as_before(fleet: Fleet, before: dict[str, tuple[str, int]]) -> None:
    """Joined, the hub knows all that runs, and it is the same pods, none started again."""
    for site in fleet.sites:
        fleet.wait_joined(site)
    fleet.wait_running("sky", 2)
    fleet.wait_running("tide", 1, "malaga")
    assert _state(fleet) == before


def _lasting(fleet: Fleet) -> dict[str, str]:
    """UID of everything by cluster and name, but for pods and ReplicaSets: those of our own processes are replaced."""
    with ThreadPoolExecutor(3) as pool:
        found = zip(fleet.clusters, pool.map(inventory.of, fleet.clusters), strict=True)
    everything = {f"{c.name}: {name}": uid for c, one in found for name, uid in inventory.uids(one).items()}
    return {name: uid for name, uid in everything.items() if not name.partition(": ")[2].startswith(_REPLACED)}


def _lost(before: dict[str, str], after: dict[str, str]) -> list[str]:
    return sorted(name for name, uid in before.items() if after.get(name) != uid)


def _crds_are_of(fleet: Fleet, release: Release) -> None:
    """As the release's own files have them, and marked as made by its charts."""
    wanted = releases.definitions(release)
    for cluster in fleet.clusters:
        found = {d["metadata"]["name"]: d for d in listed(cluster, "crd") if d["metadata"]["name"] in wanted}
        assert found.keys() == wanted.keys()
        for name, definition in found.items():
            meta, own = definition["metadata"], wanted[name]
            assert meta["labels"]["app.kubernetes.io/version"] == release.version
            assert meta["annotations"][CRD_VERSION_ANNOTATION] == own["metadata"]["annotations"][CRD_VERSION_ANNOTATION]
            assert [v["schema"] for v in definition["spec"]["versions"]] == [
                v["schema"] for v in own["spec"]["versions"]
            ]


def test_hub_and_site_on_one_cluster(bare: Fleet) -> None:
    """The second chart brings no CRDs; work labelled local is the site's own, the rest is the hub's."""
    fleet, cluster = bare, bare.hub
    fleet.install_hub(withSite=True)
    fleet.install_site(cluster, fleet.invite("hub"), withHub=True, crds={"enabled": False})
    fleet.furnish("hub", cluster)
    until(lambda: _joined(fleet), 90, what="the hub's own site has joined")
    fleet.submit("sky", 1, at=["hub"])
    until(lambda: fleet.ready("sky", 1), 90, what="sky runs on the hub's own cluster", seen=lambda: fleet.told("sky"))
    pods = fleet.pods("", "sky", cluster=cluster)
    assert len(pods) == 1
    assert pods[0]["metadata"]["namespace"] != TENANT
    assert fleet.installed(cluster) == ["policloud-hub", "policloud-site"]
    cluster.kubectl("delete", "swl", "--all", "-n", TENANT, "--timeout=90s")
    until(lambda: not fleet.pods("", "sky", cluster=cluster), 60, what="it is gone again")


def _joined(fleet: Fleet) -> bool:
    copy = get(fleet.hub, "pcu", "hub-1", "site-hub")
    return is_true(fleet.membership("hub"), "Ready") and is_true(copy, "Ready")
