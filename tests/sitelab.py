"""One real site for contract tests: API server, scheduler, kwok nodes, and the site's process in a thread."""

import json
import threading
from pathlib import Path
from typing import Any

from policloud.site.run import build
from policloud.site.settings import SiteSettings
from policloud.testing.controlplane import ControlPlane
from policloud.testing.controlplane.rest import path_of

Body = dict[str, Any]
API = "policloud.io/v1alpha1"
SYSTEM = "policloud-system"
ALL = ("etcd", "apiserver", "controller-manager", "scheduler", "kwok")
PRODUCT = "NVIDIA-L40S"


class SiteThread:
    """`policloud site` in this process; `stop` waits until it has ended."""

    def __init__(self, kubeconfig: Path, traces: Path, **settings: Any) -> None:
        chosen: dict[str, Any] = {"time_scale": 0.05, "probe_listen": "127.0.0.1:0", **settings}
        self.process, self._operator = build(SiteSettings(kubeconfig=kubeconfig, trace_directory=traces, **chosen))
        self._thread = threading.Thread(target=self._operator.run, name="site", daemon=True)

    def start(self) -> "SiteThread":
        self._thread.start()
        return self

    def stop(self) -> None:
        self._operator.stop()
        self._thread.join(20)
        assert not self._thread.is_alive(), "the site did not stop"


class Lab:
    """Short words for tests. Every unit has a subdivision of its own, so that a workload's law chooses the unit."""

    def __init__(self, plane: ControlPlane, traces: Path) -> None:
        self.plane = plane
        self.simulated = "kwok" in plane.components  # else nobody makes nodes ready but we
        self.traces = traces
        self.apply(thing("v1", "Namespace", SYSTEM))

    # -- objects

    def apply(self, *bodies: Body) -> None:
        for body in bodies:
            self.plane.api.apply(body, manager="test")

    def get(self, kind: str, name: str, namespace: str | None = SYSTEM, api: str = API) -> Body | None:
        status, text = self.plane.api.raw("GET", path_of(thing(api, kind, name, namespace)))
        return None if status == 404 else json.loads(text)

    def all(self, path: str) -> list[Body]:
        return list(self.plane.api.request("GET", path)["items"])

    def patch(self, kind: str, name: str, patch: Body, namespace: str | None = SYSTEM, api: str = API) -> None:
        path = path_of(thing(api, kind, name, namespace))
        self.plane.api.request("PATCH", path, patch, content_type="application/merge-patch+json")

    def delete(self, kind: str, name: str, namespace: str | None = SYSTEM, api: str = API) -> None:
        self.plane.api.request("DELETE", path_of(thing(api, kind, name, namespace)))

    # -- a unit with its nodes and its source

    def unit(self, name: str, place: str, *, nodes: int = 1, gpus: int = 8, watts: int = 100_000, **spec: Any) -> None:
        self.wind(name, watts)
        self.apply(source(name), unit(name, place, **spec))
        self.apply(*(node(f"{name}-n{i}", name, gpus, ready=not self.simulated) for i in range(nodes)))

    def wind(self, name: str, watts: int) -> None:
        """The plant of that unit gives so much from now on."""
        file = self.traces / f"{name}.csv"
        fresh = file.with_suffix(".new")
        fresh.write_text(f"time,watts\n0,{watts}\n")
        fresh.replace(file)

    def run(self, namespace: str, name: str, place: str, **spec: Any) -> None:
        self.apply(thing("v1", "Namespace", namespace), workload(namespace, name, place, **spec))

    # -- looking

    def condition(self, kind: str, name: str, type_: str, namespace: str = SYSTEM) -> tuple[str, str, str]:
        """Status, reason and message; Unknown while there is none for the object's generation."""
        body = self.get(kind, name, namespace) or {}
        for c in (body.get("status") or {}).get("conditions") or ():
            if c["type"] == type_ and c.get("observedGeneration") == body["metadata"]["generation"]:
                return c["status"], c["reason"], c["message"]
        return "Unknown", "", ""

    def reason(self, namespace: str, name: str) -> str:
        return self.condition("SovereignWorkload", name, "Ready", namespace)[1]

    def granted(self, namespace: str, name: str) -> int:
        body = self.get("SovereignWorkload", name, namespace) or {}
        return int((body.get("status") or {}).get("replicas") or 0)

    def pods(self, namespace: str, workload_: str) -> list[Body]:
        found = self.all(f"/api/v1/namespaces/{namespace}/pods?labelSelector=policloud.io%2Fworkload%3D{workload_}")
        return [p for p in found if "deletionTimestamp" not in p["metadata"] and p["status"]["phase"] == "Running"]


def thing(api: str, kind: str, name: str, namespace: str | None = None, **rest: Any) -> Body:
    meta = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"apiVersion": api, "kind": kind, "metadata": meta, **rest}


def node(name: str, pool: str, gpus: int = 8, *, ready: bool = False) -> Body:
    room = {"cpu": "64", "memory": "512Gi", "pods": "110", "nvidia.com/gpu": str(gpus)}
    body = thing("v1", "Node", name, status={"capacity": room, "allocatable": room})
    if ready:
        body["status"]["conditions"] = [{"type": "Ready", "status": "True", "reason": "Test", "message": ""}]
    body["metadata"] |= {"labels": {"pool": pool}, "annotations": {"kwok.x-k8s.io/node": "fake"}}
    return body


def source(name: str, **spec: Any) -> Body:
    meter = {"name": "plant", "quantity": "Generation", "simulated": {"trace": {"file": f"{name}.csv"}}}
    telemetry = {"periodSeconds": 1, "staleAfterSeconds": 2, "deadAfterSeconds": 4, "meters": [meter]}
    plain = {"type": "Wind", "connection": "BehindTheMeter", "nameplateWatts": 1_000_000, "telemetry": telemetry}
    return thing(API, "EnergySource", name, SYSTEM, spec=plain | spec)


def unit(name: str, place: str, **spec: Any) -> Body:
    """Limit 100 kW, no margin; base 1 kW and 1 kW a node; GPUs of 350 W, eight a node."""
    power = {"minWatts": 100, "maxWatts": 350, "failSafeWatts": 245, "hostIdleWatts": 400, "hostMaxWatts": 1000}
    plain: Body = {
        "model": "Custom",
        "location": {"country": "FR", "subdivision": place},
        "operator": {"name": "Policloud", "jurisdiction": "FR"},
        "ownership": [
            {"from": "2020-01-01", "owners": [{"name": "Commune", "jurisdiction": "FR", "sharePercent": "100"}]}
        ],
        "certifications": [{"scheme": "HDS", "validUntil": "2099-12-31"}],
        "exposures": [],
        "electrical": {"limitWatts": 100_000, "otherMaxWatts": 1000, "safetyMarginPercent": 0, "sources": [name]},
        "pools": [
            {
                "name": "main",
                "nodeSelector": {"pool": name},
                "gpu": {"product": PRODUCT, "memoryGiB": 48, "perNode": 8},
                "power": power,
            }
        ],
        "networkPolicy": "Enforced",
    }
    return thing(API, "PolicloudUnit", name, SYSTEM, spec=plain | spec)


def workload(namespace: str, name: str, place: str, **spec: Any) -> Body:
    """An inference service of two GPUs, unless `spec` says otherwise."""
    template = {"spec": {"containers": [{"name": "main", "image": "registry.example.org/main:1"}]}}
    plain: Body = {"class": "Inference", "gpu": {"perReplica": 1}, "sovereignty": {"location": {"allow": [place]}}}
    if spec.get("class", "Inference") == "Inference":
        plain["inference"] = {"replicas": 2, "minReplicas": 1, "template": template} | spec.pop("inference", {})
    if spec.get("class") == "Batch":
        slow = {"metadata": {"annotations": {"policloud.io/simulated-seconds": "600"}}, **template}
        plain["batch"] = {"completions": 4, "parallelism": 2, "template": slow} | spec.pop("batch", {})
    plain["sovereignty"] |= spec.pop("sovereignty", {})
    return thing(API, "SovereignWorkload", name, namespace, spec=plain | spec)
