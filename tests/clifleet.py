"""A small hub as its API server would hold it, for tests of the CLI: two sites, three workloads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from click.testing import CliRunner, Result

from policloud.api.resources import (
    POLICLOUD_UNIT,
    SITE_MEMBERSHIP,
    SOVEREIGN_WORKLOAD,
    WORK_OFFER,
    Resource,
)
from policloud.cli.common import Session, Target
from policloud.cli.main import cli
from policloud.ports import ApiError, Body, Cluster
from policloud.testing.clock import VirtualClock
from policloud.testing.fake import FakeCluster

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def condition(type_: str, status: str, reason: str, message: str = "") -> Body:
    return {"type": type_, "status": status, "reason": reason, "message": message}


def unit(site: str, *, ready: str = "True", used: int = 12, country: str = "FR") -> Body:
    return {
        "metadata": {"name": f"{site}-1", "namespace": f"site-{site}"},
        "spec": {
            "published": True,
            "location": {"country": country},
            "electrical": {"limitWatts": 78000, "sources": []},
            "pools": [
                {
                    "name": "l40s",
                    "gpu": {"product": "NVIDIA-L40S", "memoryGiB": 48, "perNode": 8},
                    "power": {"maxWatts": 350},
                }
            ],
        },
        "status": {
            "conditions": [condition("Ready", ready, "UnitReady" if ready == "True" else "NodesMissing")],
            "gpus": {"total": 104, "ready": 104, "used": used},
            "pools": [
                {
                    "name": "l40s",
                    "product": "NVIDIA-L40S",
                    "nodes": 13,
                    "readyNodes": 13,
                    "gpus": 104,
                    "gpusUsed": used,
                    "freeByNode": [{"free": 8, "nodes": 11}],
                }
            ],
            "power": {"availableWatts": 74100, "usedWatts": 26200, "baseWatts": 22000, "freeWatts": 47900},
            "energy": {"source": f"grid-{site}", "gramsPerKWh": 46, "pricePerKWh": "0.11", "currency": "EUR"},
            "workloads": {"local": 1, "federated": 2},
        },
    }


def membership(site: str, *, reachable: str = "True", country: str = "FR") -> Body:
    return {
        "metadata": {"name": site, "namespace": f"site-{site}"},
        "spec": {
            "accepted": True,
            "publicKey": "ed25519:AAAA",
            "attested": [{"unit": f"{site}-1", "location": {"country": country}}],
        },
        "status": {
            "lastSeen": "2026-11-24T08:59:58Z",
            "conditions": [
                condition("Reachable", reachable, "LeaseRenewed" if reachable == "True" else "LeaseExpired")
            ],
        },
    }


def workload(name: str, *, ready: str = "True", reason: str = "Running", **more: Any) -> Body:
    """`more`: message, allow, status (merged over the usual one)."""
    status = {
        "readyReplicas": 2,
        "watts": 700,
        "placements": [
            {
                "site": "cannes",
                "unit": "cannes-1",
                "replicas": 2,
                "readyReplicas": 2,
                "state": "Running",
                "watts": 700,
                "since": "2026-11-24T08:48:00Z",
                "offer": f"{name}-7c1e09af",
            }
        ],
    }
    return {
        "metadata": {"name": name, "namespace": "sante-06"},
        "spec": {
            "class": "Inference",
            "priority": 800,
            "inference": {"replicas": 2, "minReplicas": 1, "template": {}},
            "gpu": {"perReplica": 1},
            "sovereignty": {"location": {"allow": more.get("allow", ["FR"])}},
        },
        "status": {
            **status,
            **more.get("status", {}),
            "conditions": [condition("Ready", ready, reason, more.get("message", ""))],
        },
    }


DECISION = {
    "at": "2026-11-24T08:55:00Z",
    "snapshot": "sha256:3f0a",
    "fits": 1,
    "of": 3,
    "reasons": {"InsufficientPower": 1, "LocationNotAllowed": 2},
    "units": [
        {"site": "texas", "unit": "texas-1", "verdict": "Never", "reason": "LocationNotAllowed", "measured": "US",
         "required": "[FR]"},
        {"site": "cannes", "unit": "cannes-1", "verdict": "NotNow", "reason": "InsufficientPower", "measured": "400 W",
         "required": "1800 W", "margin": "-1400 W", "earliest": "2026-11-24T11:30:00Z"},
    ],
    "relaxations": ["allow US in sovereignty.location: texas-1"],
}  # fmt: skip

WAITING = {"placements": [], "readyReplicas": 0, "watts": 0, "decision": DECISION}


def hub(*extra: tuple[Resource, Body]) -> FakeCluster:
    """Cannes and Texas, one workload that runs and one that waits."""
    cluster = FakeCluster(VirtualClock(NOW))
    objects: list[tuple[Resource, Body]] = [
        (POLICLOUD_UNIT, unit("cannes")),
        (POLICLOUD_UNIT, unit("texas", ready="False", country="US")),
        (SITE_MEMBERSHIP, membership("cannes")),
        (SITE_MEMBERSHIP, membership("texas", reachable="False", country="US")),
        (SOVEREIGN_WORKLOAD, workload("triage")),
        (
            SOVEREIGN_WORKLOAD,
            workload(
                "waiting", ready="False", reason="WaitingForEnergy", message="No unit has the watts.", status=WAITING
            ),
        ),
        *extra,
    ]
    fill(cluster, objects)
    return cluster


def offer(name: str, workload_uid: str) -> tuple[Resource, Body]:
    return WORK_OFFER, {
        "metadata": {"name": name, "namespace": "site-cannes"},
        "spec": {"workload": {"uid": workload_uid}, "unit": "cannes-1", "sequence": 4},
        "status": {"state": "Running", "answer": {"verdict": "Accepted"}},
    }


def fill(cluster: FakeCluster, objects: list[tuple[Resource, Body]]) -> None:
    """Creates them and writes their status."""
    asyncio.run(_fill(cluster, objects))


async def _fill(cluster: FakeCluster, objects: list[tuple[Resource, Body]]) -> None:
    for resource, body in objects:
        made = await cluster.create(resource, {"apiVersion": resource.api_version, "kind": resource.kind, **body})
        meta = made["metadata"]
        await cluster.merge_patch(
            resource, meta.get("namespace"), meta["name"], {"status": body["status"]}, subresource="status"
        )


def invoke(cluster: Cluster, *arguments: str, stdin: str | None = None) -> Result:
    """One run of the CLI against `cluster`, without a terminal."""

    @asynccontextmanager
    async def connect(_target: Target) -> AsyncIterator[Session]:
        yield Session(cluster, "https://hub", "default", VirtualClock(NOW))

    return CliRunner().invoke(cli, arguments, obj=connect, input=stdin)


class Deaf:
    """An API server that answers every call with one error."""

    def __init__(self, error: ApiError) -> None:
        self._error = error

    def __getattr__(self, _name: str) -> Any:
        async def fail(*_args: Any, **_kwargs: Any) -> Any:
            raise self._error

        return fail
