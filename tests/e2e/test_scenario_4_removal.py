"""Uninstalling: refused while it would strand work; and by the commands of the page so that nothing is left."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from e2elab import inventory
from e2elab.cluster import NAMESPACE, Cluster, Role
from e2elab.fleet import Fleet
from e2elab.objects import TENANT
from e2elab.state import listed, until
from pages import HOW_TO, Shell, runnable
from policloud.testing.helm import HelmError


@pytest.mark.smoke
def test_uninstalling_under_work_is_refused_then_leaves_nothing(federation: Fleet, tmp_path: Path) -> None:
    """Compared with the clusters as they were made: every object there is, with labels, taints, and finalizers."""
    fleet = federation
    fleet.submit("sky", 1, at=["cannes"])
    fleet.wait_running("sky", 1, "cannes")
    with ThreadPoolExecutor(2) as pool:
        asked = [
            pool.submit(_refused, fleet, fleet.sites["cannes"], "site"),
            pool.submit(_refused, fleet, fleet.hub, "hub"),
        ]
        for one in asked:
            one.result()
    fleet.wait_running("sky", 1, "cannes")  # asking has stopped nothing

    fleet.hub.kubectl("delete", "swl", "sky", "-n", TENANT, "--timeout=60s")
    for cluster in fleet.clusters:  # the tenant's own, and what it was called at sites
        cluster.kubectl("delete", "namespace", TENANT, "--ignore-not-found", "--wait=false")
    with ThreadPoolExecutor(3) as pool:
        hands = {c.name: _Hand(tmp_path, c, "hub" if c is fleet.hub else "site") for c in fleet.clusters}
        list(pool.map(lambda site: hands[site].uninstall(), fleet.sites))
        hands[fleet.hub.name].uninstall()  # after its sites, as the page says
        assert [fleet.installed(cluster) for cluster in fleet.clusters] == [[], [], []]
        list(pool.map(_Hand.clear, hands.values()))
        list(pool.map(lambda cluster: _as_made(fleet, cluster), fleet.clusters))


def _as_made(fleet: Fleet, cluster: Cluster) -> None:
    def left() -> list[str]:
        return inventory.changes(fleet.as_made[cluster.name], inventory.of(cluster))

    until(lambda: not left(), 30, what=f"{cluster.name} is as it was made", seen=left)


class _Hand:
    """Types what docs/how-to/remove.md says for one cluster, line by line."""

    def __init__(self, folder: Path, cluster: Cluster, role: Role) -> None:
        self._cluster = cluster
        self._shell = Shell(folder / cluster.name, {role: cluster.kubeconfig})
        lines = [line for line in runnable(HOW_TO / "remove.md") if f"context {role} " in line]
        at = next(n for n, line in enumerate(lines) if " uninstall " in line) + 1
        self._first, self._then = lines[:at], lines[at:]
        assert len(self._first) >= 2
        assert len(self._then) >= 2

    def uninstall(self) -> None:
        """Objects and the release, once nothing of the federation's runs there."""
        until(
            lambda: not listed(self._cluster, "swl", "-l", "policloud.io/federated"),
            60,
            what=f"{self._cluster.name} has no federated work",
        )
        for line in self._first:
            self._shell(line)

    def clear(self) -> None:
        """What stays after that."""
        for line in self._then:
            self._shell(line)


def _refused(fleet: Fleet, cluster: Cluster, role: Role) -> None:
    with pytest.raises(HelmError, match=rf"(?s)policloud-{role}-guard"):
        fleet.uninstall(cluster, role)
    said = cluster.kubectl("logs", "-n", NAMESPACE, f"job/policloud-{role}-guard")
    assert "sky" in said
    assert "would strand" in said
    assert "--no-hooks" in said
    assert f"policloud-{role}" in fleet.installed(cluster)
