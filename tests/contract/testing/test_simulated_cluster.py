"""A whole simulated cluster: nodes are Ready, pods run, Jobs end, volumes are bound, and a node can fail."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from policloud.testing.controlplane import ControlPlane
from policloud.testing.controlplane.components import COMPONENTS
from policloud.testing.local.fleet import NodeGroup, SiteFolder
from policloud.testing.local.hardware import create_hardware

_SITE = SiteFolder("x", Path(), [], [], [NodeGroup("gpu", 2, 8, "NVIDIA-L40S")], ["encrypted-nvme"])
_WORK = """
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: records}
spec: {accessModes: [ReadWriteOnce], storageClassName: encrypted-nvme, resources: {requests: {storage: 2Gi}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: server}
spec:
  replicas: 3
  selector: {matchLabels: {app: server}}
  template:
    metadata: {labels: {app: server}}
    spec:
      volumes: [{name: records, persistentVolumeClaim: {claimName: records}}]
      containers:
        - name: server
          image: registry.example.org/server:1
          volumeMounts: [{name: records, mountPath: /data}]
          resources: {limits: {nvidia.com/gpu: 4}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: quick}
spec:
  parallelism: 2
  completions: 4
  template:
    metadata: {annotations: {policloud.io/simulated-seconds: "1"}}
    spec:
      restartPolicy: Never
      containers: [{name: run, image: "registry.example.org/run:1", resources: {limits: {nvidia.com/gpu: 1}}}]
---
apiVersion: batch/v1
kind: Job
metadata: {name: endless}
spec:
  template:
    metadata: {annotations: {policloud.io/simulated-seconds: "3600"}}
    spec: {restartPolicy: Never, containers: [{name: run, image: "registry.example.org/run:1"}]}
"""
_FAILED = {
    "metadata": {"annotations": {"policloud.io/simulated-failure": "true"}},
    "status": {"conditions": [{"type": "Ready", "status": "False", "reason": "KubeletNotReady"}]},
}


def test_a_simulated_cluster_runs_work(make_control_plane: Callable[..., ControlPlane]) -> None:
    plane = make_control_plane(components=[c for c in COMPONENTS if c != "kine"], crds=False)
    assert create_hardware(plane, _SITE) == 2
    plane.kubectl("apply", "--filename=-", input=_WORK)

    plane.kubectl("wait", "--for=condition=Available", "--timeout=60s", "deployment/server")
    plane.kubectl("wait", "--for=jsonpath={.status.phase}=Bound", "--timeout=60s", "pvc/records")
    plane.kubectl("wait", "--for=condition=Complete", "--timeout=60s", "job/quick")
    endless = json.loads(plane.kubectl("get", "job/endless", "--output=json"))
    assert endless["status"]["active"] == 1
    assert "succeeded" not in endless["status"]

    pods = json.loads(plane.kubectl("get", "pods", "--selector=app=server", "--output=json"))["items"]
    assert {pod["spec"]["nodeName"] for pod in pods} == {"gpu-01", "gpu-02"}  # 8 GPUs a node, 4 a pod

    plane.kubectl("patch", "job/endless", "--type=merge", "--patch", '{"spec": {"suspend": true}}')
    plane.kubectl("wait", "--for=condition=Suspended", "--timeout=60s", "job/endless")
    plane.kubectl("wait", "--for=delete", "--timeout=60s", "pod", "--selector=batch.kubernetes.io/job-name=endless")

    _fail(plane, "gpu-01")
    plane.kubectl("wait", "--for=condition=Ready=false", "--timeout=60s", "node/gpu-01")
    _until(lambda: _taints(plane, "gpu-01") >= {"node.kubernetes.io/not-ready"})


def _fail(plane: ControlPlane, node: str) -> None:
    plane.kubectl("annotate", f"node/{node}", "policloud.io/simulated-failure=true")
    plane.kubectl("patch", f"node/{node}", "--subresource=status", "--type=strategic", "--patch", json.dumps(_FAILED))


def _taints(plane: ControlPlane, node: str) -> set[str]:
    body: dict[str, Any] = plane.api.request("GET", f"/api/v1/nodes/{node}")
    return {taint["key"] for taint in body["spec"].get("taints", ())}


def _until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)
