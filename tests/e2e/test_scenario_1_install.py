"""A federation as its people set it up, in whatever order they come."""

from __future__ import annotations

from e2elab.cluster import NAMESPACE, Cluster, Role
from e2elab.fleet import Fleet
from e2elab.objects import unit_name
from e2elab.state import get, is_true, listed


def test_install_in_any_order(bare: Fleet) -> None:
    """A site before its hub, and complete alone; then the hub; then a site that joins with its first start."""
    early, late = "malaga", "cannes"
    bare.install_site(bare.sites[early])
    bare.install_hub()
    bare.install_site(bare.sites[late], bare.invite(late))
    bare.install_site(bare.sites[early], bare.invite(early))  # the same release, joined by an upgrade
    for site in (late, early):
        bare.furnish(site)
    for site in (late, early):
        bare.wait_joined(site)


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


def test_helm_test_finds_an_installation_that_works(federation: Fleet) -> None:
    installed: list[tuple[Cluster, Role]] = [(federation.hub, "hub")]
    installed += [(cluster, "site") for cluster in federation.sites.values()]
    for cluster, role in installed:
        assert "Succeeded" in federation.helm_test(cluster, role)
        said = cluster.kubectl("logs", "-n", NAMESPACE, f"job/policloud-{role}-verify")
        for check in ("Readiness", "Kubernetes version", "Placement"):
            assert check in said
        assert "✗" not in said
