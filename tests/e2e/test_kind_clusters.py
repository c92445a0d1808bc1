"""The clusters that end-to-end scenarios stand on: made at once, reach each other, are cut off and healed, are gone."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from policloud.testing.controlplane.readiness import wait_for
from policloud.testing.kind import KindCluster, clusters, complaint, cut, heal, sweep
from policloud.testing.kind.docker import docker

_WITHOUT = complaint()
pytestmark = [
    pytest.mark.skipif(os.environ.get("CLUSTER") != "kind", reason="runs with CLUSTER=kind only (make e2e)"),
    pytest.mark.skipif(_WITHOUT is not None, reason=f"no clusters here: {_WITHOUT}"),
    pytest.mark.timeout(900),
]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, KindCluster]]:
    with clusters(tmp_path_factory.mktemp("kind"), {"hub": 0, "site": 1}) as made:
        yield made


def _reaches(one: KindCluster, other: KindCluster) -> bool:
    script = f"timeout 2 bash -c '</dev/tcp/{other.control_plane}/6443'"
    return subprocess.run(["docker", "exec", one.control_plane, "bash", "-c", script], check=False).returncode == 0


def test_all_nodes_are_ready(two: dict[str, KindCluster]) -> None:
    assert {name: len(cluster.nodes()) for name, cluster in two.items()} == {"hub": 1, "site": 2}
    for cluster in two.values():
        cluster.kubectl("wait", "--for=condition=Ready", "nodes", "--all", "--timeout=60s")
        assert cluster.internal_server in cluster.internal_kubeconfig.read_text()
        assert cluster.internal_kubeconfig.stat().st_mode & 0o077 == 0


def test_gpus_are_extended_resources(two: dict[str, KindCluster]) -> None:
    site = two["site"]
    worker = f"{site.full_name}-worker"
    site.advertise_gpus(8, node=worker, labels={"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3"})
    node = site.get("node", worker)
    assert node["status"]["allocatable"]["nvidia.com/gpu"] == "8"
    assert node["metadata"]["labels"]["nvidia.com/gpu.product"] == "NVIDIA-H100-80GB-HBM3"


def test_a_cut_separates_and_heals(two: dict[str, KindCluster]) -> None:
    hub, site = two["hub"], two["site"]
    assert _reaches(site, hub)
    assert _reaches(hub, site)
    try:
        cut(hub, site)
        cut(hub, site)  # twice is once
        assert not _reaches(site, hub)
        assert not _reaches(hub, site)
        site.kubectl("get", "nodes")  # each goes on by itself
    finally:
        heal(hub, site)
    assert _reaches(site, hub)
    assert _reaches(hub, site)


def test_a_paused_cluster_is_back_at_once(two: dict[str, KindCluster]) -> None:
    hub, site = two["hub"], two["site"]
    hub.pause()
    try:
        assert "true" in docker("inspect", "--format", "{{.State.Paused}}", hub.control_plane)
    finally:
        hub.unpause()
    wait_for(lambda: _reaches(site, hub), "the hub is back")


def test_a_drained_node_takes_nothing(two: dict[str, KindCluster]) -> None:
    site = two["site"]
    worker = f"{site.full_name}-worker"
    site.drain(worker)
    assert site.get("node", worker)["spec"]["unschedulable"] is True
    site.uncordon(worker)
    assert "unschedulable" not in site.get("node", worker)["spec"]


_KILLED = """
import os, signal, sys
from pathlib import Path
from policloud.testing.kind import clusters
with clusters(Path(sys.argv[1]), {"killed": 0}) as made:
    print(made["killed"].full_name, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_process_left_is_swept_and_what_lives_is_kept(
    two: dict[str, KindCluster], tmp_path: Path
) -> None:
    done = subprocess.run([sys.executable, "-c", _KILLED, tmp_path], stdout=subprocess.PIPE, text=True, check=False)
    name = done.stdout.strip()
    assert name in sweep()
    assert docker("ps", "--all", "--quiet", "--filter", f"label=io.x-k8s.kind.cluster={name}") == ""
    assert len(two["hub"].nodes()) == 1
