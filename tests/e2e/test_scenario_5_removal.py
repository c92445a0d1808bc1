"""Uninstalling: refused while it would strand work, and then so that nothing is left."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from e2elab import inventory
from e2elab.cluster import NAMESPACE
from e2elab.fleet import Fleet
from e2elab.fleets import joined
from e2elab.objects import TENANT
from policloud.testing.helm import HelmError


def test_uninstalling_under_work_is_refused_then_leaves_nothing(bare: Fleet) -> None:
    fleet = bare
    with ThreadPoolExecutor(3) as pool:
        before = dict(zip([c.name for c in fleet.clusters], pool.map(inventory.of, fleet.clusters), strict=True))
    joined(fleet)
    fleet.submit("sky", 1, at=["cannes"])
    fleet.wait_running("sky", 1, "cannes")

    for cluster, role in ((fleet.sites["cannes"], "site"), (fleet.hub, "hub")):
        with pytest.raises(HelmError, match=r"(?s)policloud-(hub|site)-guard"):
            fleet.uninstall(cluster, role)
        said = cluster.kubectl("logs", "-n", NAMESPACE, f"job/policloud-{role}-guard")
        assert "sky" in said
        assert "would strand" in said
        assert "--no-hooks" in said
        assert f"policloud-{role}" in fleet.installed(cluster)
    fleet.wait_running("sky", 1, "cannes")  # asking has stopped nothing

    fleet.remove_work()
    for cluster in fleet.sites.values():
        cluster.kubectl("delete", "mandate,pcu,esrc", "--all", "-A", "--timeout=90s")
        fleet.uninstall(cluster, "site")
    fleet.hub.kubectl("delete", "smb", "--all", "-A", "--timeout=90s")
    fleet.uninstall(fleet.hub, "hub")
    for cluster in fleet.clusters:
        assert fleet.installed(cluster) == []
        _as_documented(fleet, cluster.name)
        left = inventory.of(cluster) - before[cluster.name]
        assert sorted(left) == [], f"left on {cluster.name}"


def _as_documented(fleet: Fleet, name: str) -> None:
    """What docs/how-to/remove.md says goes by hand: CRDs and our namespaces, those that were made for others too."""
    cluster = next(c for c in fleet.clusters if c.name == name)
    definitions = cluster.kubectl("get", "crd", "-o", "name").split()
    cluster.kubectl("delete", *(d for d in definitions if d.endswith(".policloud.io")), "--timeout=90s")
    spaces = cluster.kubectl("get", "namespaces", "-o", "name").split()
    ours = [s for s in spaces if s.rpartition("/")[2].startswith(("site-", "policloud-", TENANT))]
    cluster.kubectl("delete", *ours, "--timeout=90s")
