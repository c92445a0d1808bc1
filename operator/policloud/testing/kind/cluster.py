"""One cluster of kind: made, used, hurt and removed. Clusters reach each other by the names of their nodes."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from policloud.api.names import GPU_RESOURCE
from policloud.testing.controlplane.binaries import find_binaries
from policloud.testing.kind import network
from policloud.testing.kind.docker import docker, run
from policloud.testing.kind.errors import KindError
from policloud.testing.kind.manifest import manifest
from policloud.testing.kind.ownership import PREFIX, Owned, own
from policloud.testing.kind.programs import find_kind

API_PORT = 6443
_CREATE_SECONDS = 600


class KindCluster:
    """`name` is short (hub, site-a); the cluster's full name also says which process it belongs to."""

    def __init__(self, name: str, folder: Path, image: str, *, workers: int = 0, audit: bool = False) -> None:
        self.name = name
        self.full_name = f"{PREFIX}{os.getpid():x}-{name}"
        self.image, self.workers, self.audit = image, workers, audit
        self.folder = folder / name
        self.kubeconfig = self.folder / "kubeconfig"  # for this machine
        self.internal_kubeconfig = self.folder / "internal.kubeconfig"  # for pods of this or another cluster
        self._owned: Owned | None = None

    # -- life

    def create(self) -> None:
        """Ready when it returns; gone again if that fails."""
        self._owned = own(self.full_name)
        if self._owned is None:
            raise KindError(f"this process has a cluster named {self.name} already; delete it first")
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "kind.yaml"
        config.write_text(json.dumps(manifest(self.workers, self.folder if self.audit else None)))
        try:
            self._kind("create", "cluster", "--image", self.image, "--config", str(config), "--wait", "240s")
            internal = self._kind("get", "kubeconfig", "--internal")
            self.internal_kubeconfig.touch(mode=0o600)
            self.internal_kubeconfig.write_text(internal)
            network.route_pods(self)
        except BaseException:
            self.delete()
            raise

    def delete(self) -> None:
        """Also of a cluster that was never, or half, made."""
        if self._owned is None:
            return
        for node in self.nodes():
            docker("rm", "--force", "--volumes", node)
        self._owned.give_up()
        self._owned = None
        for path in (self.kubeconfig, self.internal_kubeconfig):
            path.unlink(missing_ok=True)

    # -- addresses

    @property
    def control_plane(self) -> str:
        """Name of the node with the API server; a name in the DNS of every cluster on this machine."""
        return f"{self.full_name}-control-plane"

    @property
    def internal_server(self) -> str:
        """The API server as pods of any of the clusters reach it; its certificate names this host."""
        return f"https://{self.control_plane}:{API_PORT}"

    def node_port(self, port: int, scheme: str = "https") -> str:
        """A NodePort service as pods of any of the clusters reach it."""
        return f"{scheme}://{self.control_plane}:{port}"

    def address(self, node: str | None = None) -> str:
        """IPv4 of a node on the network of kind; this machine reaches it too."""
        return network.address(node or self.control_plane)

    def nodes(self) -> list[str]:
        found = docker(
            "ps", "--all", "--filter", f"label=io.x-k8s.kind.cluster={self.full_name}", "--format", "{{.Names}}"
        )
        return sorted(found.split())

    # -- use

    def kubectl(self, *arguments: str, stdin: str | None = None, timeout: float = 180.0) -> str:
        """As administrator; its stdout. KindError with what it said."""
        program = find_binaries(("kubectl",)).path("kubectl")
        command = [str(program), f"--kubeconfig={self.kubeconfig}", *arguments]
        answer = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=timeout, check=False)
        if answer.returncode != 0:
            raise KindError(f"{self.name}: kubectl {' '.join(arguments[:5])}: {answer.stderr.strip()[-1500:]}")
        return answer.stdout

    def get(self, *arguments: str) -> Any:
        return json.loads(self.kubectl("get", *arguments, "-o", "json"))

    def load_image(self, *images: str) -> None:
        """From Docker's store onto every node; what is there already is left."""
        self._kind("load", "docker-image", *images)

    def load_archive(self, archive: Path) -> None:
        self._kind("load", "image-archive", str(archive))

    def advertise_gpus(self, count: int, *, node: str | None = None, labels: Mapping[str, str] | None = None) -> None:
        """GPUs as the device plugin would announce them, and labels as GPU feature discovery would set them."""
        name = node or self.control_plane
        patch = {"status": {"capacity": {GPU_RESOURCE: str(count)}, "allocatable": {GPU_RESOURCE: str(count)}}}
        self.kubectl("patch", "node", name, "--subresource=status", "--type=merge", "-p", json.dumps(patch))
        given = {"nvidia.com/gpu.count": str(count), **(labels or {})}
        self.kubectl("label", "node", name, "--overwrite", *(f"{key}={value}" for key, value in given.items()))

    # -- what goes wrong

    def pause(self) -> None:
        """Every process of every node stands still; connections to it hang."""
        docker("pause", *self.nodes())

    def unpause(self) -> None:
        docker("unpause", *self.nodes())

    def restart(self) -> None:
        """A power cut of the whole cluster, and its return with what was on disk."""
        docker("restart", "--time", "1", *self.nodes())

    def drain(self, node: str) -> None:
        self.kubectl("drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--force", "--timeout=120s")

    def uncordon(self, node: str) -> None:
        self.kubectl("uncordon", node)

    def execute(self, node: str, *command: str) -> str:
        """As root on a node."""
        return docker("exec", "--privileged", node, *command)

    def _kind(self, *arguments: str) -> str:
        verb: Sequence[str] = [*arguments, "--name", self.full_name]
        return run([find_kind(), *verb], timeout=_CREATE_SECONDS, environment={"KUBECONFIG": str(self.kubeconfig)})
