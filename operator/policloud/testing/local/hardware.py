"""Simulated GPU servers as Node objects; kwok plays their kubelets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from policloud.api.names import GPU_RESOURCE
from policloud.testing.controlplane import ControlPlane
from policloud.testing.local.fleet import NodeGroup, SiteFolder

_PROVISIONER = "simulated.policloud.io"  # stages.yaml of the control plane makes volumes for it
_CREATED = (200, 201, 409)


def create_hardware(plane: ControlPlane, site: SiteFolder) -> int:
    """Storage classes and nodes of a site; what exists is left as it is. Returns the number of nodes."""
    for name in site.storage_classes:
        plane.api.apply(_storage_class(name))
    count = 0
    for group in site.groups:
        for node in nodes_of(group):
            status, text = plane.api.raw("POST", "/api/v1/nodes", node)
            if status not in _CREATED:
                raise RuntimeError(f"node {node['metadata']['name']}: {status} {text[:300]}")
            count += 1
    return count


def nodes_of(group: NodeGroup) -> Iterator[dict[str, Any]]:
    width = max(2, len(str(group.count)))
    resources = {
        GPU_RESOURCE: str(group.gpus),
        "cpu": str(group.cpu),
        "memory": f"{group.memory_gib}Gi",
        "pods": "110",
        "ephemeral-storage": "4Ti",
    }
    for number in range(1, group.count + 1):
        name = f"{group.prefix}-{number:0{width}}"
        labels = {
            "kubernetes.io/hostname": name,
            "kubernetes.io/os": "linux",
            "kubernetes.io/arch": "amd64",
            "nvidia.com/gpu.product": group.product,
            "nvidia.com/gpu.count": str(group.gpus),
            "policloud.io/simulated": "true",
            **group.labels,
        }
        yield {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": name, "labels": labels, "annotations": {"kwok.x-k8s.io/node": "fake"}},
            "status": {"capacity": resources, "allocatable": resources},
        }


def _storage_class(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name},
        "provisioner": _PROVISIONER,
    }
