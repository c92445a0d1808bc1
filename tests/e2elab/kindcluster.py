"""A cluster of kind as scenarios use it: real nodes and pods of our image; what goes wrong is done inside its nodes."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from e2elab import images, shorttokens
from e2elab.cluster import NAMESPACE, Body, Cluster, Endpoints, Machine, Release, Role
from e2elab.state import listed
from policloud.testing import kind
from policloud.testing.kind.manifest import AUDIT_FOLDER, AUDIT_LOG

_IDENTITY_PORT = 30443
_CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
# The kubelet stands still with it: it would find the API server dead, and start another
_API_SERVER = ("kubelet", "kube-apiserver")

# Where every node is a GPU server, and a site keeps those for its work, DNS has to be let onto them
_ANYWHERE = {"spec": {"replicas": 1, "template": {"spec": {"tolerations": [{"operator": "Exists"}]}}}}


@contextlib.contextmanager
def made(folder: Path, machines: Mapping[str, Sequence[Machine]], release: Release) -> Iterator[dict[str, Cluster]]:
    """A cluster for each name, with a node for each of its machines, which can run `release`. Gone with the block."""
    workers = {name: len(servers) - 1 for name, servers in machines.items()}
    with kind.clusters(folder, workers, audit=True) as created:
        clusters = {name: KindCluster(nodes) for name, nodes in created.items()}

        def prepare(name: str) -> None:
            clusters[name].furnish(machines[name])
            clusters[name].provide(release)

        with ThreadPoolExecutor(len(clusters)) as pool:
            list(pool.map(prepare, clusters))
        yield dict(clusters)


class KindCluster:
    """Implements `Cluster` by containers of Docker."""

    real_pods = True
    time_scale = 1.0

    def __init__(self, nodes: kind.KindCluster) -> None:
        self.name = nodes.name
        self.kubeconfig = nodes.kubeconfig
        self._nodes = nodes
        self._provided: set[str] = set()
        self._away: set[str] = set()  # clusters to which the line is cut
        self._paused = False

    def furnish(self, machines: Sequence[Machine]) -> None:
        """Every node, that of the control plane too, is a GPU server, and takes pods; tokens end early."""
        names = self._nodes.nodes()
        if len(names) > 1:
            self.kubectl("taint", "node", self._nodes.control_plane, f"{_CONTROL_PLANE}:NoSchedule-")
        self.kubectl("patch", "deployment", "coredns", "-n", "kube-system", "--type=merge", "-p", json.dumps(_ANYWHERE))
        for name, machine in zip(names, machines, strict=True):
            self._nodes.advertise_gpus(machine.gpus, node=name, labels=machine.labels)
        shorttokens.impose(self)
        self.kubectl("rollout", "status", "deployment/coredns", "-n", "kube-system", "--timeout=150s")

    def provide(self, release: Release) -> None:
        if release.image not in self._provided:
            self._nodes.load_archive(images.make(release))
            self._provided.add(release.image)

    def kubectl(self, *arguments: str, input: str | None = None) -> str:  # noqa: A002 - as subprocess calls it
        return self._nodes.kubectl(*arguments, stdin=input)

    def values(self, role: Role) -> Body:
        """Other clusters reach the hub by a port of its node."""
        service = {"type": "NodePort", "nodePort": _IDENTITY_PORT}
        return {"identity": {"service": service}} if role == "hub" else {}

    def endpoints(self) -> Endpoints:
        return Endpoints(self._nodes.internal_server, self._nodes.node_port(_IDENTITY_PORT))

    def pause(self) -> None:
        self._paused = True
        self._signal("STOP", *_API_SERVER)

    def resume(self) -> None:
        if self._paused:
            self._signal("CONT", *reversed(_API_SERVER))
            self._paused = False

    def cut(self, peer: Cluster) -> None:
        assert isinstance(peer, KindCluster)
        self._away.add(peer.name)
        kind.cut(self._nodes, peer._nodes)

    def heal(self, peer: Cluster) -> None:
        assert isinstance(peer, KindCluster)
        if peer.name in self._away:
            kind.heal(self._nodes, peer._nodes)
            self._away.discard(peer.name)

    def kill_operator(self, role: Role) -> None:
        for pod in self._operators(role):
            for container in pod["status"].get("containerStatuses") or ():
                _, _, name = container.get("containerID", "").partition("://")
                if "running" in container["state"]:
                    kill = ("ctr", "--namespace", "k8s.io", "task", "kill", "--signal", "SIGKILL", name)
                    self._nodes.execute(pod["spec"]["nodeName"], *kill)

    def operator_log(self, role: Role) -> str:
        return "".join(
            self.kubectl("logs", "-n", NAMESPACE, pod["metadata"]["name"], *before)
            for pod in self._operators(role)
            for container in pod["status"].get("containerStatuses") or ()
            for before in ((("--previous",), ()) if container["restartCount"] else ((),))
            if "waiting" not in container["state"]
        )

    def pod_log(self, namespace: str, pod: str) -> str:
        return self.kubectl("logs", "-n", namespace, pod)

    def audit(self) -> Iterator[Body]:
        """Also what was moved aside as the file grew: those sort before the one in use."""
        pattern = f"{AUDIT_FOLDER}/{Path(AUDIT_LOG).stem}*"
        command = ["docker", "exec", self._nodes.control_plane, "sh", "-c", f"cat {pattern}"]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as reading:
            assert reading.stdout is not None
            for line in reading.stdout:
                if line.endswith("\n"):
                    yield json.loads(line)
        assert reading.returncode == 0, f"{self.name}: no audit log can be read at {pattern}"

    def remove(self) -> None:
        self._nodes.delete()

    def _operators(self, role: Role) -> list[Body]:
        return listed(self, "pods", "-n", NAMESPACE, "-l", f"app.kubernetes.io/component={role}")

    def _signal(self, signal: str, *programs: str) -> None:
        """To processes of the node with the control plane, and no others: it has a PID namespace of its own."""
        for program in programs:
            script = f"pids=$(pgrep -x {program}) && kill -{signal} $pids"
            self._nodes.execute(self._nodes.control_plane, "sh", "-ec", script)
