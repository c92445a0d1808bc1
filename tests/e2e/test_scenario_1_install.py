"""A federation as its people set it up, in whatever order they come."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

import bodies
from e2elab import objects
from e2elab.cluster import NAMESPACE, Cluster, Role
from e2elab.fleet import Fleet
from e2elab.objects import unit_name
from e2elab.state import get, is_true, listed, until
from policloud.domain.federation.keys import SigningKey


@pytest.mark.smoke
def test_install_in_any_order(bare: Fleet) -> None:
    """A site before its hub, and complete alone; then the hub; then a site that joins with its first start."""
    early, late = "malaga", "cannes"
    bare.install_site(bare.sites[early])
    bare.install_hub()

    def join(site: str) -> None:
        """By a first start, or of a release that is there already by an upgrade."""
        bare.install_site(bare.sites[site], bare.invite(site))
        bare.furnish(site)
        bare.wait_joined(site)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(join, (late, early)))


@pytest.mark.smoke
def test_join(federation: Fleet) -> None:
    """Each knows what it has to and no more: the hub no mandate and no key, the site no credential of the hub."""
    for site, cluster in federation.sites.items():
        membership = federation.membership(site)
        assert membership is not None
        assert membership["spec"]["publicKey"].startswith("ed25519:")
        assert is_true(membership, "Reachable")
        assert is_true(get(cluster, "pcu", unit_name(site)), "HubConnected")
        assert f"site-{site}" not in {n["metadata"]["name"] for n in listed(cluster, "namespaces")}
    assert listed(federation.hub, "mandate") == []
    assert "policloud-site-key" not in {s["metadata"]["name"] for s in listed(federation.hub, "secrets")}


def test_a_membership_by_manifest_is_let_in_and_sent_away(federation: Fleet) -> None:
    """As a Git repository would have it: a bare namespace, the key pinned by hand. Rights come, and go with trust."""
    hub, site = federation.hub, "dijon"
    home = f"site-{site}"
    manifest = bodies.membership(site, SigningKey(bytes(range(32))), ())
    hub.kubectl("apply", "-f", "-", input=objects.stream(objects.namespace(home), manifest))
    until(lambda: get(hub, "serviceaccount", "policloud-site", home), 30, what="the site has an account")
    labels = (get(hub, "namespace", home) or {})["metadata"]["labels"]
    assert (labels["policloud.io/site"], labels["pod-security.kubernetes.io/enforce"]) == (site, "restricted")
    hub.kubectl("patch", "smb", site, "-n", home, "--type=merge", "-p", '{"spec":{"accepted":false}}')
    until(lambda: not get(hub, "serviceaccount", "policloud-site", home), 30, what="its account is gone")
    hub.kubectl("delete", "smb", site, "-n", home, "--timeout=60s")
    hub.kubectl("delete", "namespace", home, "--wait=false")


def test_helm_test_finds_an_installation_that_works(federation: Fleet) -> None:
    installed: list[tuple[Cluster, Role]] = [(federation.hub, "hub")]
    installed += [(cluster, "site") for cluster in federation.sites.values()]
    with ThreadPoolExecutor(len(installed)) as pool:
        list(pool.map(lambda one: _verified(federation, *one), installed))


def _verified(fleet: Fleet, cluster: Cluster, role: Role) -> None:
    assert "Succeeded" in fleet.helm_test(cluster, role)
    said = cluster.kubectl("logs", "-n", NAMESPACE, f"job/policloud-{role}-verify")
    for check in ("Readiness", "Kubernetes version", "Placement"):
        assert check in said
    assert "✗" not in said
