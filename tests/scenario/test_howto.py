"""The commands of the how-to pages, as written, with the real helm on a hub's and a site's control plane."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from pages import HOW_TO, Shell, runnable
from policloud.adapters.kube.client import HttpCluster
from policloud.adapters.kube.connection import Connection
from policloud.api.joinfile import HubInfo
from policloud.hub.info import publish_hub_info
from policloud.testing.controlplane import ControlPlane

PAGES = ["install-with-helm.md", "backup-and-restore-hub.md", "upgrade.md", "remove.md"]  # in the order of a life
_ALL = ("etcd", "apiserver", "controller-manager", "scheduler", "kwok")
Run = Callable[[str], str]


@pytest.fixture
def shell(make_control_plane: Callable[..., ControlPlane], tmp_path: Path) -> Run:
    """Runs a command line where `hub` and `site` are contexts, and `charts` is that of the repository."""
    planes = {name: make_control_plane(name, _ALL, crds=False) for name in ("hub", "site")}
    for plane in planes.values():
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "one"}}
        amounts = {"cpu": "8", "memory": "16Gi", "pods": "50"}
        plane.api.apply(node)
        status = {**node, "status": {"allocatable": amounts, "capacity": amounts}}
        plane.kubectl("apply", "--server-side", "--subresource=status", "-f", "-", input=yaml.safe_dump(status))
    there = Shell(tmp_path, {name: plane.kubeconfig for name, plane in planes.items()})

    def run(command: str) -> str:
        said = there(command)
        if "policloud-hub charts/" in command:
            asyncio.run(_as_the_hub_does(planes["hub"]))
        return said

    return run


async def _as_the_hub_does(plane: ControlPlane) -> None:
    """The pods here only look as if they ran; what the pages rely on is written by the hub's own function."""
    api, identity = "https://api.hub.example.org:6443", "https://hub.example.org:8443"
    cluster = HttpCluster(Connection.from_kubeconfig(plane.kubeconfig))
    await publish_hub_info(cluster, "policloud-system", HubInfo("policloud-eu", api, identity, plane.ca_pem))
    await cluster.close()


def test_the_commands_of_the_pages_work(shell: Run, tmp_path: Path) -> None:
    commands = [command for page in PAGES for command in runnable(HOW_TO / page)]
    assert len(commands) >= 17
    for command in commands:
        shell(command)
        if "-f rougeline.yaml" in command:
            values = shell("helm --kube-context site get values policloud-site -n policloud-system")
            assert "membership: rougeline" in values
            assert "rougeline" in shell("kubectl --context hub get smb -A")

    saved = yaml.safe_load((tmp_path / "hub-identity.yaml").read_text())
    assert {"tls.crt", "tls.key", "ca.crt"} <= set(saved["data"])
    for name in ("hub", "site"):
        assert "policloud" not in shell(f"helm --kube-context {name} list -A -q")
        assert "policloud.io" not in shell(f"kubectl --context {name} get crd -o name")
