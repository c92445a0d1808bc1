"""From the frozen release to this one and back, with work that runs; and both charts on one cluster."""

from __future__ import annotations

from pathlib import Path

from e2elab.cluster import NAMESPACE, Body
from e2elab.fleet import Fleet
from e2elab.objects import TENANT
from e2elab.state import get, listed, until


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
    fleet = bare
    invitations: dict[str, Path] = {}
    fleet.install_hub(fleet.frozen)
    for site, cluster in fleet.sites.items():
        invitations[site] = fleet.invite(site)
        fleet.install_site(cluster, invitations[site], release=fleet.frozen)
        fleet.furnish(site)
    for site in fleet.sites:
        fleet.wait_joined(site)
    fleet.submit("sky", 2, at=["cannes"])
    fleet.submit("tide", 1, at=["malaga"])
    fleet.wait_running("sky", 2, "cannes")
    fleet.wait_running("tide", 1, "malaga")
    before = _state(fleet)
    assert len(before) == 3

    fleet.install_hub()
    for site, cluster in fleet.sites.items():
        fleet.install_site(cluster, invitations[site])
    until(lambda: _images(fleet) == {fleet.ours.image}, 60, what="all run this release", seen=lambda: _images(fleet))
    _as_before(fleet, before)
    fleet.scale("tide", 2)
    fleet.wait_running("tide", 2, "malaga")
    fleet.scale("tide", 1)
    fleet.wait_running("tide", 1, "malaga")
    before = _state(fleet)

    fleet.rollback(fleet.hub, "hub")
    for cluster in fleet.sites.values():
        fleet.rollback(cluster, "site")
    until(
        lambda: _images(fleet) == {fleet.frozen.image}, 60, what="all run the frozen one", seen=lambda: _images(fleet)
    )
    _as_before(fleet, before)
    fleet.remove_work()


def _as_before(fleet: Fleet, before: dict[str, tuple[str, int]]) -> None:
    """Joined, the hub knows all that runs, and it is the same pods, none started again."""
    for site in fleet.sites:
        fleet.wait_joined(site)
    fleet.wait_running("sky", 2, "cannes")
    fleet.wait_running("tide", 1, "malaga")
    assert _state(fleet) == before


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
    from e2elab.state import is_true  # noqa: PLC0415

    copy = get(fleet.hub, "pcu", "hub-1", "site-hub")
    return is_true(fleet.membership("hub"), "Ready") and is_true(copy, "Ready")
