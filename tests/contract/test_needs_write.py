"""needs_write against what a real API server makes of an apply: defaults, canonical forms, ownership."""

import copy
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from policloud.adapters.kube.client import HttpCluster
from policloud.adapters.kube.connection import Connection
from policloud.api.resources import DEPLOYMENT, JOB, NAMESPACE, NETWORK_POLICY, SERVICE, Resource
from policloud.ports import Body
from policloud.reconcile.base import needs_write
from policloud.testing.controlplane import ControlPlane

TEMPLATE: Body = {
    "metadata": {"labels": {"app": "x"}},
    "spec": {
        "containers": [
            {
                "name": "main",
                "image": "registry.example/x:1",
                "args": ["--a", "--b"],
                "ports": [{"containerPort": 80}, {"containerPort": 81, "protocol": "UDP"}],
                "env": [{"name": "A", "value": "1"}, {"name": "EMPTY", "value": ""}],
                "resources": {"limits": {"cpu": 0.5, "memory": "1024Mi", "nvidia.com/gpu": 2}},
                "volumeMounts": [{"name": "data", "mountPath": "/data"}],
            },
            {"name": "side", "image": "registry.example/y:1"},
        ],
        "volumes": [{"name": "data", "emptyDir": {}}],
        "tolerations": [{"key": "policloud.io/gpu", "operator": "Exists"}, {"key": "b", "operator": "Exists"}],
        "nodeSelector": {"policloud.io/unit": "alpha"},
        "topologySpreadConstraints": [],
    },
}

WANTED: list[tuple[Resource, Body]] = [
    (
        DEPLOYMENT,
        {"spec": {"replicas": 0, "selector": {"matchLabels": {"app": "x"}}, "template": copy.deepcopy(TEMPLATE)}},
    ),
    (
        JOB,
        {
            "spec": {
                "suspend": True,
                "parallelism": 3,
                "template": {
                    "metadata": {"labels": {"app": "x"}},
                    "spec": {**copy.deepcopy(TEMPLATE["spec"]), "restartPolicy": "Never"},
                },
            }
        },
    ),
    (SERVICE, {"spec": {"selector": {"app": "x"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}}),
    (
        NETWORK_POLICY,
        {
            "spec": {
                "podSelector": {"matchLabels": {"app": "x"}},
                "policyTypes": ["Ingress", "Egress"],
                "ingress": [],
                "egress": [
                    {"to": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}]},
                    {"ports": [{"port": 53, "protocol": "UDP"}]},
                ],
            }
        },
    ),
]


@pytest.fixture
async def cluster(api_server: ControlPlane) -> AsyncIterator[HttpCluster]:
    http = HttpCluster(Connection.from_kubeconfig(api_server.kubeconfig))
    yield http
    await http.close()


@pytest.mark.parametrize(("resource", "content"), WANTED, ids=lambda v: v.kind if isinstance(v, Resource) else "")
async def test_an_apply_is_needed_once(cluster: HttpCluster, resource: Resource, content: Body) -> None:
    ns = f"diff-{uuid.uuid4().hex[:8]}"
    await cluster.create(NAMESPACE, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ns}})
    body: Body = {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": {"namespace": ns, "name": "x", "labels": {"a": "b"}, "annotations": {}},
        **content,
    }
    applied = await cluster.apply(resource, body, manager="m")
    assert not needs_write(applied, body, manager="m")
    assert not needs_write(applied, body)
    again = await cluster.apply(resource, body, manager="m")
    assert again["spec"] == applied["spec"], "and it was true"
    assert needs_write(applied, body, manager="another")

    without = copy.deepcopy(body)
    without["metadata"]["labels"] = {}
    assert needs_write(applied, without, manager="m")
    stripped = await cluster.apply(resource, without, manager="m")
    assert "a" not in stripped["metadata"].get("labels", {})
    assert not needs_write(stripped, without, manager="m")


def _containers(body: Body) -> list[dict[str, Any]]:
    containers: list[dict[str, Any]] = _pod(body)["containers"]
    return containers


def _pod(body: Body) -> Body:
    spec: Body = body["spec"]["template"]["spec"]
    return spec


async def test_each_kind_of_change_is_seen(cluster: HttpCluster) -> None:
    ns = f"diff-{uuid.uuid4().hex[:8]}"
    await cluster.create(NAMESPACE, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ns}})
    metadata = {"namespace": ns, "name": "x", "labels": {"a": "b"}}
    body: Body = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, **WANTED[0][1]}
    applied = await cluster.apply(DEPLOYMENT, body, manager="m")
    assert not needs_write(applied, body, manager="m")

    changes: list[Callable[[Body], object]] = [
        lambda b: b["metadata"]["labels"].update(a="c"),
        lambda b: b["spec"].update(replicas=1),
        lambda b: _containers(b).pop(),
        lambda b: _containers(b)[0]["args"].pop(),
        lambda b: _containers(b)[0]["ports"].pop(),
        lambda b: _containers(b)[0]["env"].pop(),
        lambda b: _containers(b)[0]["resources"]["limits"].update(cpu="501m"),
        lambda b: _containers(b)[0]["resources"]["limits"].pop("nvidia.com/gpu"),
        lambda b: _pod(b)["tolerations"].pop(),
        lambda b: _pod(b).pop("nodeSelector"),
        lambda b: _pod(b).update(priorityClassName="high"),
    ]
    for number, change in enumerate(changes):
        changed = copy.deepcopy(body)
        change(changed)
        assert needs_write(applied, changed, manager="m"), number
