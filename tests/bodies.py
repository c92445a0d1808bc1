"""Objects as their owners write them: units, nodes, mandates, memberships, workloads; and what runs, as status."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable
from typing import Any

from policloud.api import names, resources
from policloud.domain.federation.keys import SigningKey
from policloud.ports import Body

HUB = "policloud-test"
SYSTEM = "policloud-system"
GPU = "NVIDIA-L40S"


def ran(body: Body, site: str) -> dict[str, Any]:
    """Status of a local workload whose every replica is granted and ready."""
    unit = json.loads(body["metadata"]["annotations"][names.OFFER_ANNOTATION])["unit"]
    block = {"Inference": "inference", "Batch": "batch"}[body["spec"]["class"]]
    count = body["spec"][block]["replicas" if block == "inference" else "parallelism"]
    return {
        "replicas": count,
        "readyReplicas": count,
        "placements": [
            {"site": site, "unit": unit, "replicas": count, "readyReplicas": count, "state": "Running", "watts": 0}
        ],
        "conditions": [
            {
                "type": "Ready",
                "status": "True",
                "reason": "Running",
                "message": "",
                "lastTransitionTime": "2026-01-01T00:00:00Z",
            }
        ],
    }


def unit(name: str, *, country: str = "FR", source: str = "grid", namespace: str = SYSTEM) -> Body:
    """A unit of two nodes with eight GPUs each, as its owner writes it."""
    return {
        "apiVersion": resources.API_VERSION,
        "kind": "PolicloudUnit",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "model": "Custom",
            "location": {"country": country, "timeZone": "Europe/Paris"},
            "operator": {"name": "Test", "jurisdiction": country},
            "ownership": [
                {"from": "2020-01-01", "owners": [{"name": "Town", "jurisdiction": country, "sharePercent": "100"}]}
            ],
            "exposures": [],
            "electrical": {"limitWatts": 20000, "otherMaxWatts": 0, "sources": [source]},
            "pools": [
                {
                    "name": "main",
                    "nodeSelector": {"policloud.io/pool": name},
                    "gpu": {"product": GPU, "memoryGiB": 48, "perNode": 8},
                    "power": {
                        "actuator": "Auto",
                        "minWatts": 100,
                        "maxWatts": 350,
                        "failSafeWatts": 245,
                        "hostIdleWatts": 400,
                        "hostMaxWatts": 1000,
                        "parkedWatts": 30,
                    },
                }
            ],
            "networkPolicy": "Enforced",
        },
    }


def published(body: Body, namespace: str) -> Body:
    spec = {k: copy.deepcopy(v) for k, v in body["spec"].items() if k != "electrical"}
    for pool in spec["pools"]:
        pool["power"] = {"maxWatts": pool["power"]["maxWatts"]}
    meta = {"name": body["metadata"]["name"], "namespace": namespace}
    return {
        "apiVersion": body["apiVersion"],
        "kind": body["kind"],
        "metadata": meta,
        "spec": {**spec, "published": True},
    }


def node(name: str, pool: str) -> Body:
    gpus = {names.GPU_RESOURCE: "8", "cpu": "64", "memory": "256Gi", "pods": "110"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {"policloud.io/pool": pool}},
        "status": {
            "capacity": gpus,
            "allocatable": gpus,
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }


def mandate(*tenants: str, name: str = "all", notice: int = 60, namespace: str = SYSTEM, **spec: Any) -> Body:
    return {
        "apiVersion": resources.API_VERSION,
        "kind": "SiteMandate",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "tenants": [{"hub": HUB, "tenant": t} for t in tenants],
            "withdrawalNoticeSeconds": notice,
            **spec,
        },
    }


def membership(site: str, key: SigningKey, units: Iterable[Body]) -> Body:
    attested = [
        {"unit": u["metadata"]["name"], **{k: u["spec"][k] for k in ("location", "operator", "ownership", "exposures")}}
        for u in units
    ]
    return {
        "apiVersion": resources.API_VERSION,
        "kind": "SiteMembership",
        "metadata": {"name": site, "namespace": f"site-{site}"},
        "spec": {"accepted": True, "paused": False, "publicKey": key.public, "attested": attested},
    }


def inference(name: str, tenant: str, replicas: int, *, mobility: str = "Preferred", **law: Any) -> Body:
    return {
        "apiVersion": resources.API_VERSION,
        "kind": "SovereignWorkload",
        "metadata": {"name": name, "namespace": tenant},
        "spec": {
            "class": "Inference",
            "inference": {
                "replicas": replicas,
                "template": {"spec": {"containers": [{"name": "server", "image": "registry.example.org/app:1"}]}},
            },
            "gpu": {"perReplica": 1},
            "sovereignty": law or {"location": {"allow": ["FR", "ES"]}},
            "placement": {"mobility": mobility},
        },
    }
