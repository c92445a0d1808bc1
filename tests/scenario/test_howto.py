"""The commands of the how-to pages, as written, with the real helm on a hub's and a site's control plane."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from policloud.adapters.kube.client import HttpCluster
from policloud.adapters.kube.connection import Connection
from policloud.api.joinfile import HubInfo
from policloud.hub.info import publish_hub_info
from policloud.testing import helm
from policloud.testing.controlplane import ControlPlane

ROOT = Path(__file__).parents[2]
HOW_TO = ROOT / "docs" / "how-to"
PAGES = ["install-with-helm.md", "backup-and-restore-hub.md", "upgrade.md", "remove.md"]  # in the order of a life
_ALL = ("etcd", "apiserver", "controller-manager", "scheduler", "kwok")
Shell = Callable[[str], str]


def runnable(page: str) -> list[str]:
    blocks = re.findall(r"```console runnable\n(.*?)```", (HOW_TO / page).read_text(), re.DOTALL)
    return [line.removeprefix("$ ") for block in blocks for line in block.splitlines() if line.startswith("$ ")]


@pytest.fixture
def shell(make_control_plane: Callable[..., ControlPlane], tmp_path: Path) -> Shell:
    """Runs a command line where `hub` and `site` are contexts, and `charts` is that of the repository."""
    planes = {name: make_control_plane(name, _ALL, crds=False) for name in ("hub", "site")}
    merged = _merged(planes, tmp_path / "kubeconfig")
    for plane in planes.values():
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "one"}}
        amounts = {"cpu": "8", "memory": "16Gi", "pods": "50"}
        plane.api.apply(node)
        status = {**node, "status": {"allocatable": amounts, "capacity": amounts}}
        plane.kubectl("apply", "--server-side", "--subresource=status", "-f", "-", input=yaml.safe_dump(status))
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "kubectl").symlink_to(planes["hub"].binaries.path("kubectl"))
    (programs / "helm").symlink_to(helm.find())
    (tmp_path / "charts").symlink_to(ROOT / "charts")
    own = {name: value for name, value in os.environ.items() if not name.startswith("HELM_")}
    homes = {f"HELM_{kind}_HOME": str(tmp_path / "helm" / kind) for kind in ("CACHE", "CONFIG", "DATA")}
    path = f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = own | homes | {"KUBECONFIG": str(merged), "PATH": path}

    def run(command: str) -> str:
        done = subprocess.run(  # noqa: S602 - our own pages, as a reader would paste them
            command, shell=True, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        if "policloud-hub charts/" in command:
            asyncio.run(_as_the_hub_does(planes["hub"]))
        return done.stdout

    return run


async def _as_the_hub_does(plane: ControlPlane) -> None:
    """The pods here only look as if they ran; what the pages rely on is written by the hub's own function."""
    api, identity = "https://api.hub.example.org:6443", "https://hub.example.org:8443"
    cluster = HttpCluster(Connection.from_kubeconfig(plane.kubeconfig))
    await publish_hub_info(cluster, "policloud-system", HubInfo("policloud-eu", api, identity, plane.ca_pem))
    await cluster.close()


def _merged(planes: dict[str, ControlPlane], path: Path) -> Path:
    """One kubeconfig with a context for each."""
    whole: dict[str, object] = {"apiVersion": "v1", "kind": "Config"}
    parts: dict[str, list[object]] = {"clusters": [], "users": [], "contexts": []}
    for name, plane in planes.items():
        config = yaml.safe_load(plane.kubeconfig.read_text())
        parts["clusters"].append({"name": name, "cluster": config["clusters"][0]["cluster"]})
        parts["users"].append({"name": name, "user": config["users"][0]["user"]})
        parts["contexts"].append({"name": name, "context": {"cluster": name, "user": name}})
    path.write_text(yaml.safe_dump(whole | parts))
    return path


def test_the_commands_of_the_pages_work(shell: Shell, tmp_path: Path) -> None:
    commands = [command for page in PAGES for command in runnable(page)]
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
