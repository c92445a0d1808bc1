"""A kubelet for our own pods, as processes of this machine: started, probed, started again, ended, as pods would be."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

from e2elab.kubeletlogs import LogServer
from e2elab.podspec import NotYetError, Translator
from policloud.testing.controlplane import ControlPlane, ControlPlaneError
from policloud.testing.controlplane.processes import Processes

NODE = "operators"
_PERIOD_SECONDS = 0.2
_HEARTBEAT_SECONDS = 30.0
_ENDED = {False: "Succeeded", True: "Failed"}
_BEGUN = {False: "Pending", True: "Running"}
_MERGE = "application/merge-patch+json"
_UNREACHABLE = (OSError, http.client.HTTPException, ControlPlaneError)
Body = dict[str, Any]


@dataclass
class _Pod:
    body: Body
    process: str
    ip: str
    started: bool = False
    restarts: int = 0
    not_before: float = 0.0
    shown: Body = field(default_factory=dict)

    @property
    def meta(self) -> Body:
        return self.body["metadata"]

    @property
    def container(self) -> Body:
        return self.body["spec"]["containers"][0]

    @property
    def once(self) -> bool:
        return bool(self.body["spec"].get("restartPolicy") == "Never")


class Kubelet:
    """The node `operators` of one cluster. Pods each listen on a loopback address of their own: 127.NET.…"""

    def __init__(self, plane: ControlPlane, folder: Path, net: str, code: Callable[[str], str]) -> None:
        self._plane = plane
        self._api = plane.api
        self.processes = Processes(folder)
        self._ips = (f"127.{net}.{n % 250 + 2}" for n in itertools.count())
        self._pods: dict[str, _Pod] = {}
        self._logs = LogServer(plane.authority, self._log_of)
        self._translator = Translator(
            self._api,
            folder / "pods",
            ca=plane.authority.certificate,
            server=plane.url,
            address_of=self.address_of,
            code=code,
        )
        self._ending = threading.Event()
        self._beat = 0.0
        self._thread = threading.Thread(target=self._run, name=f"kubelet {plane.name}", daemon=True)

    def start(self) -> None:
        self._logs.start()
        resources = {"cpu": "16", "memory": "32Gi", "pods": "110"}
        labels = {"kubernetes.io/hostname": NODE, "kubernetes.io/os": "linux"}
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": NODE, "labels": labels}}
        node["status"] = {"capacity": resources, "allocatable": resources}
        self._api.request("POST", "/api/v1/nodes", node)
        self._heartbeat()
        self._thread.start()

    def stop(self) -> None:
        self._ending.set()
        self._thread.join(40)
        self._logs.stop()
        for pod in self._pods.values():
            self.processes.kill(pod.process)

    def address_of(self, namespace: str, service: str) -> str | None:
        """IP of a pod that the Service selects: the youngest that is ready, else any that runs."""
        try:
            found = self._api.request("GET", f"/api/v1/namespaces/{namespace}/services/{service}")
        except _UNREACHABLE:
            return None
        wanted = (found["spec"].get("selector") or {}).items()
        pods = [
            pod
            for pod in list(self._pods.values())
            if pod.meta["namespace"] == namespace and wanted <= pod.meta["labels"].items() and not self._done(pod)
        ]
        pods.sort(key=lambda pod: (pod.shown.get("ready", False), pod.meta["creationTimestamp"]))
        return pods[-1].ip if pods else None

    def of(self, component: str) -> Iterator[str]:
        """Names of processes, dead or alive, of pods with that component label; the youngest last."""
        pods = sorted(self._pods.values(), key=lambda pod: str(pod.meta["creationTimestamp"]))
        return (p.process for p in pods if p.meta["labels"].get("app.kubernetes.io/component") == component)

    # The loop

    def _run(self) -> None:
        while not self._ending.wait(_PERIOD_SECONDS):
            with contextlib.suppress(*_UNREACHABLE):  # as any kubelet: what runs goes on, and it is tried again
                if time.monotonic() > self._beat + _HEARTBEAT_SECONDS:
                    self._heartbeat()
                self._look()

    def _look(self) -> None:
        path = f"/api/v1/pods?fieldSelector=spec.nodeName%3D{NODE}"
        listed = {body["metadata"]["uid"]: body for body in self._api.request("GET", path)["items"]}
        for uid in self._pods.keys() - listed.keys():
            self.processes.kill(self._pods.pop(uid).process)
        for uid, body in listed.items():
            if uid not in self._pods:
                self._pods[uid] = _Pod(body, f"{body['metadata']['name']}", next(self._ips))
            pod = self._pods[uid]
            pod.body = body
            if body["metadata"].get("deletionTimestamp"):
                self._end(pod)
            elif body.get("status", {}).get("phase") not in {"Succeeded", "Failed"}:
                self._keep(pod)

    def _end(self, pod: _Pod) -> None:
        self.processes.stop(pod.process, seconds=30.0)
        self._api.raw("DELETE", f"{self._path(pod)}", {"gracePeriodSeconds": 0})

    def _keep(self, pod: _Pod) -> None:
        if not pod.started:
            self._start(pod)
        elif not self.processes.alive(pod.process):
            if pod.once:
                self._show(pod, ready=False, code=self._code(pod))
                return
            self._restart(pod)
        self._show(pod, ready=pod.started and self._ready(pod))

    def _restart(self, pod: _Pod) -> None:
        """At once the first time, later with more and more patience."""
        if time.monotonic() >= pod.not_before:
            pod.not_before = time.monotonic() + min(2.0 * pod.restarts, 10.0)
            pod.restarts += 1
            self._start(pod)

    def _start(self, pod: _Pod) -> None:
        try:
            command = self._translator.command(pod.body, pod.ip)
        except NotYetError:
            return
        self.processes.start(pod.process, command.arguments, environment=command.environment)
        pod.started = True

    def _ready(self, pod: _Pod) -> bool:
        probe = pod.container.get("readinessProbe")
        if probe is None:
            return True
        (port,) = [p["containerPort"] for p in pod.container["ports"] if p["name"] == probe["httpGet"]["port"]]
        try:
            with urlopen(f"http://{pod.ip}:{port}{probe['httpGet']['path']}", timeout=2):
                return True
        except (HTTPError, URLError, OSError, http.client.HTTPException):
            return False

    def _code(self, pod: _Pod) -> int:
        code = self.processes.exit_code(pod.process)
        return 1 if code is None else code

    # What is told of it

    def _show(self, pod: _Pod, *, ready: bool, code: int | None = None) -> None:
        shown = {"ready": ready, "code": code, "restarts": pod.restarts, "started": pod.started}
        if shown == pod.shown:
            return
        phase = _ENDED[bool(code)] if code is not None else _BEGUN[pod.started]
        status = "True" if ready else "False"
        now = _now()
        state = {"running": {"startedAt": now}} if pod.started else {"waiting": {"reason": "ContainerCreating"}}
        if code is not None:
            reason = "Error" if code else "Completed"
            state = {"terminated": {"exitCode": code, "reason": reason, "startedAt": now, "finishedAt": now}}
        container = {
            "name": pod.container["name"],
            "image": pod.container["image"],
            "imageID": pod.container["image"],
            "ready": ready,
            "started": pod.started,
            "restartCount": pod.restarts,
            "state": state,
        }
        kinds = {"PodScheduled": "True", "Initialized": "True", "ContainersReady": status, "Ready": status}
        conditions = [{"type": t, "status": s, "lastTransitionTime": now} for t, s in kinds.items()]
        body = {"phase": phase, "startTime": now, "conditions": conditions, "containerStatuses": [container]}
        self._api.request("PATCH", f"{self._path(pod)}/status", {"status": body}, content_type=_MERGE)
        pod.shown = shown

    def _heartbeat(self) -> None:
        condition = {"type": "Ready", "status": "True", "reason": "KubeletReady", "lastHeartbeatTime": _now()}
        status = {
            "conditions": [condition],
            "addresses": [{"type": "InternalIP", "address": "127.0.0.1"}],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": self._logs.port}},
        }
        path = f"/api/v1/nodes/{NODE}/status"
        self._api.request("PATCH", path, {"status": status}, content_type=_MERGE)
        self._beat = time.monotonic()

    def _log_of(self, namespace: str, name: str) -> str | None:
        for pod in list(self._pods.values()):
            if (pod.meta["namespace"], pod.meta["name"]) == (namespace, name):
                path = self.processes.log(pod.process)
                return path.read_text(errors="replace") if path.exists() else ""
        return None

    def _done(self, pod: _Pod) -> bool:
        return not pod.started or not self.processes.alive(pod.process)

    @staticmethod
    def _path(pod: _Pod) -> str:
        return f"/api/v1/namespaces/{pod.meta['namespace']}/pods/{pod.meta['name']}"


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")  # noqa: TID251 - a kubelet's own clock
