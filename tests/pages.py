"""Pages of the documentation as readers use them: the blocks marked runnable, in a shell with kubectl and helm."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import yaml

from policloud.testing import helm
from policloud.testing.controlplane import find_binaries

ROOT = Path(__file__).parents[1]
HOW_TO = ROOT / "docs" / "how-to"


def runnable(page: Path) -> list[str]:
    """Commands of the blocks marked `console runnable`, in order."""
    blocks = re.findall(r"```console runnable\n(.*?)```", page.read_text(), re.DOTALL)
    return [line.removeprefix("$ ") for block in blocks for line in block.splitlines() if line.startswith("$ ")]


class Shell:
    """Runs command lines where each of `clusters` (name to kubeconfig) is a context, and `charts` the repository's."""

    def __init__(self, folder: Path, clusters: Mapping[str, Path]) -> None:
        programs = folder / "bin"
        programs.mkdir(parents=True)
        (programs / "kubectl").symlink_to(find_binaries().path("kubectl"))
        (programs / "helm").symlink_to(helm.find())
        (folder / "charts").symlink_to(ROOT / "charts")
        own = {name: value for name, value in os.environ.items() if not name.startswith("HELM_")}
        homes = {f"HELM_{kind}_HOME": str(folder / "helm" / kind) for kind in ("CACHE", "CONFIG", "DATA")}
        path = f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        kubectl = {
            "KUBECONFIG": str(_merged(clusters, folder / "kubeconfig")),
            "KUBECACHEDIR": str(folder / "cache"),  # by address: another's may know an earlier server of that port
        }
        self._folder, self._environment = folder, own | homes | kubectl | {"PATH": path}

    def __call__(self, command: str, *, seconds: float = 120) -> str:
        """Its stdout; AssertionError with all that it said if it fails."""
        done = subprocess.run(  # noqa: S602 - our own pages, as a reader would paste them
            command,
            shell=True,
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout


def _merged(clusters: Mapping[str, Path], path: Path) -> Path:
    """One kubeconfig with a context for each."""
    whole: dict[str, object] = {"apiVersion": "v1", "kind": "Config"}
    parts: dict[str, list[object]] = {"clusters": [], "users": [], "contexts": []}
    for name, own in clusters.items():
        config = yaml.safe_load(own.read_text())
        parts["clusters"].append({"name": name, "cluster": config["clusters"][0]["cluster"]})
        parts["users"].append({"name": name, "user": config["users"][0]["user"]})
        parts["contexts"].append({"name": name, "context": {"cluster": name, "user": name}})
    path.write_text(yaml.safe_dump(whole | parts))
    return path
