"""A cluster without containers: real control plane, kwok for GPU servers and their pods, our own pods as processes."""

from __future__ import annotations

import json
import os
import random
import signal
from collections.abc import Iterator, Sequence
from pathlib import Path

from e2elab.cluster import NAMESPACE, Body, Cluster, Endpoints, Machine, Release, Role
from e2elab.kubelet import Kubelet
from e2elab.lines import Lines
from e2elab.objects import STORAGE_CLASS
from policloud.testing.controlplane import ControlPlane
from policloud.testing.controlplane.ports import LOOPBACK, free_port

TIME_SCALE = 0.1
_PARTS = ("etcd", "apiserver", "controller-manager", "scheduler", "kwok")
# GPU servers are tainted as device plugins' users taint them: pods that ask for GPUs are let in by the API server
_ARGUMENTS = {
    "apiserver": ["--enable-admission-plugins=ExtendedResourceToleration"],
    "kwok": ["--manage-all-nodes=false", "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake"],
}
_TAINT = {"key": "nvidia.com/gpu", "value": "present", "effect": "NoSchedule"}
_STORAGE = {
    "apiVersion": "storage.k8s.io/v1",
    "kind": "StorageClass",
    "metadata": {"name": STORAGE_CLASS},
    "provisioner": "simulated.policloud.io",  # kwok's stages make its volumes
}


class LocalCluster:
    """Implements `Cluster` by processes of this machine."""

    real_pods = False
    time_scale = TIME_SCALE

    def __init__(self, name: str, folder: Path, lines: Lines, frozen: dict[str, Path]) -> None:
        """`frozen`: folders with the code of earlier versions, by image tag."""
        self.name = name
        self._lines = lines
        self._plane = ControlPlane(folder / name, name, _PARTS, audit=True, arguments=_ARGUMENTS)
        self._folder = folder / f"{name}-pods"
        self._frozen = frozen
        self._identity_port = free_port()
        self._proxy = lines.proxy(name)
        self._kubelet: Kubelet | None = None

    def create(self, machines: Sequence[Machine]) -> None:
        self._plane.start()
        self._kubelet = Kubelet(self._plane, self._folder, self._net(), self._code)
        self._kubelet.start()
        for machine in machines:
            self._plane.api.request("POST", "/api/v1/nodes", _node(machine))
        self._plane.api.request("POST", "/apis/storage.k8s.io/v1/storageclasses", _STORAGE)
        kubelet = self._kubelet
        identity = f"{LOOPBACK}:{self._identity_port}"
        self._lines.reach(self._plane.url.removeprefix("https://"), self.name, lambda: self._host(self._plane.url))
        self._lines.reach(identity, self.name, lambda: _with_port(kubelet.address_of(NAMESPACE, "policloud-hub")))

    @property
    def kubeconfig(self) -> Path:
        return self._plane.kubeconfig

    def kubectl(self, *arguments: str, input: str | None = None) -> str:  # noqa: A002 - as subprocess calls it
        return self._plane.kubectl(*arguments, input=input)

    def values(self, role: Role) -> Body:
        return {"timeScale": self.time_scale, **({"hubProxy": self._proxy} if role == "site" else {})}

    def provide(self, release: Release) -> None:
        """Processes start from code that is here: this checkout's, or that of a frozen release."""
        tag = release.image.rpartition(":")[2]
        assert release.wheel is None or tag in self._frozen, f"no code of {release.image}; there is {[*self._frozen]}"

    def endpoints(self) -> Endpoints:
        return Endpoints(self._plane.url, f"https://{LOOPBACK}:{self._identity_port}")

    def pause(self) -> None:
        self._plane.processes.signal("apiserver", signal.SIGSTOP)

    def resume(self) -> None:
        self._plane.processes.signal("apiserver", signal.SIGCONT)

    def cut(self, peer: Cluster) -> None:
        self._lines.cut(self.name, peer.name)

    def heal(self, peer: Cluster) -> None:
        self._lines.heal(self.name, peer.name)

    def kill_operator(self, role: Role) -> None:
        for process in list(self._running.of(role)):
            pid = self._running.processes.pid(process)
            if pid is not None:
                os.kill(pid, signal.SIGKILL)

    def operator_log(self, role: Role) -> str:
        paths = [self._running.processes.log(name) for name in self._running.of(role)]
        return "".join(path.read_text(errors="replace") for path in paths if path.exists())

    def pod_log(self, namespace: str, pod: str) -> str:
        raise NotImplementedError(f"{namespace}/{pod}: kwok's pods say nothing; ask real_pods first")

    def audit(self) -> Iterator[Body]:
        with self._plane.audit_log.open() as lines:
            for line in lines:
                if line.endswith("\n"):
                    yield json.loads(line)

    def remove(self) -> None:
        self.resume()
        if self._kubelet is not None:
            self._kubelet.stop()
        self._plane.remove()

    @property
    def _running(self) -> Kubelet:
        assert self._kubelet is not None, f"{self.name} was never created"
        return self._kubelet

    def _code(self, tag: str) -> str:
        return str(self._frozen.get(tag, ""))

    @staticmethod
    def _host(url: str) -> str:
        return url.removeprefix("https://")

    @staticmethod
    def _net() -> str:
        """A part of the loopback network for the pods of one cluster; of 248 × 250, two that meet are unlikely."""
        numbers = random.SystemRandom()
        return f"{numbers.randrange(2, 250)}.{numbers.randrange(2, 250)}"


def _with_port(ip: str | None) -> str | None:
    return f"{ip}:8443" if ip else None


def _node(machine: Machine) -> Body:
    resources = {"nvidia.com/gpu": str(machine.gpus), "cpu": "64", "memory": "256Gi", "pods": "110"}
    labels = {
        "kubernetes.io/hostname": machine.name,
        "kubernetes.io/os": "linux",
        "policloud.io/simulated": "true",
        **machine.labels,
    }
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": machine.name, "labels": labels, "annotations": {"kwok.x-k8s.io/node": "fake"}},
        "spec": {"taints": [_TAINT]},
        "status": {"capacity": resources, "allocatable": resources},
    }
