"""Nothing that a sample says is dropped: what a real API server would store, field by field."""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

import manifests
from manifests import GROUP, SAMPLES
from policloud.testing.controlplane import ControlPlane

Body = dict[str, Any]
Kubectl = Callable[..., str]

# nodes.yaml are the machines under a simulated cluster, as kwok takes them, and no work of a user
FILES = sorted(path for path in SAMPLES.rglob("*.yaml") if path.name != "nodes.yaml")
documents = functools.cache(manifests.documents)

# The fifth file of the reference: what a status says. It belongs to no manifest that a user applies
STATUS: Body = {
    "observedGeneration": 3,
    "conditions": [
        {
            "type": "Ready",
            "status": "False",
            "reason": "WaitingForEnergy",
            "observedGeneration": 3,
            "lastTransitionTime": "2026-11-22T09:14:00Z",
            "message": "2 of 6 replicas run (minimum 2). 3 units fit by law; cannes-1 is full.",
        },
        {
            "type": "Placed",
            "status": "True",
            "reason": "PartlyPlaced",
            "observedGeneration": 3,
            "lastTransitionTime": "2026-11-22T09:14:00Z",
            "message": "",
        },
    ],
    "replicas": 2,
    "placements": [
        {"site": "cannes", "unit": "cannes-1", "replicas": 2, "state": "Running", "since": "2026-11-22T09:02:11Z"}
    ],
    "decision": {
        "at": "2026-11-22T09:14:00Z",
        "snapshot": "sha256:" + "3f" * 32,
        "fits": 3,
        "of": 9,
        "reasons": {"LocationNotAllowed": 4, "CertificationMissing": 2, "InsufficientPower": 1},
        "units": [
            {
                "site": "rougeline",
                "unit": "rougeline-1",
                "verdict": "NotNow",
                "reason": "InsufficientPower",
                "measured": "400 W",
                "required": "1800 W",
                "margin": "-1400 W",
                "earliest": "2026-11-22T11:30:00Z",
            },
            {
                "site": "texas",
                "unit": "texas-1",
                "verdict": "Never",
                "reason": "LocationNotAllowed",
                "measured": "US",
                "required": "[FR]",
            },
        ],
    },
    "usage": {
        "energyWattHours": 214,
        "gramsCO2eLocation": 11,
        "gramsCO2eMarket": 4,
        "gpuSeconds": 1440,
        "cost": "0.93",
        "currency": "EUR",
    },
}


def name_of(path: Path) -> str:
    return str(path.relative_to(SAMPLES))


@pytest.fixture(scope="module")
def taken(api_server: ControlPlane) -> dict[str, list[Body]]:
    """What the API server would store, by file; kubectl refuses the first manifest that is not wholly right."""
    namespaces = {d["metadata"]["namespace"] for path in FILES for d in documents(path) if ours(d)}
    api_server.kubectl("apply", "-f", "-", input=yaml.safe_dump_all(map(namespace, sorted(namespaces))))
    files = list(itertools.chain.from_iterable(("-f", str(path)) for path in FILES))
    answer = api_server.kubectl("apply", "--dry-run=server", "--validate=strict", "-o", "json", *files)
    stored = iter(json.loads(answer)["items"])
    return {name_of(path): list(itertools.islice(stored, len(documents(path)))) for path in FILES}


def namespace(name: str) -> Body:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def ours(document: Body) -> bool:
    return bool(document["apiVersion"] == GROUP)


def dropped(sent: Any, stored: Any, at: str) -> Iterator[str]:
    """Paths whose value is not stored as it was sent. Defaults beside them are nobody's business."""
    if isinstance(sent, dict) and isinstance(stored, dict):
        for key, value in sent.items():
            if key in stored:
                yield from dropped(value, stored[key], f"{at}.{key}")
            else:
                yield f"{at}.{key} is not there"
    elif isinstance(sent, list) and isinstance(stored, list) and len(sent) == len(stored):
        for i, (one, other) in enumerate(zip(sent, stored, strict=True)):
            yield from dropped(one, other, f"{at}[{i}]")
    elif sent != stored:
        yield f"{at} is {stored!r}, not {sent!r}"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_spec_is_stored_wholly(path: Path, taken: dict[str, list[Body]]) -> None:
    for sent, stored in zip(documents(path), taken[name_of(path)], strict=True):
        assert (stored["kind"], stored["metadata"]["name"]) == (sent["kind"], sent["metadata"]["name"])
        # Status is written by the operators alone: an API server ignores it here
        assert list(dropped(sent.get("spec", {}), stored.get("spec", {}), "spec")) == []


def reference(kind: str) -> tuple[Body, Body]:
    """The reference manifest of a kind that has a status, and that status."""
    found = next(d for d in documents(SAMPLES / "reference/federation.yaml") if d["kind"] == kind)
    return found, found["status"]


@pytest.mark.parametrize("kind", ["SiteMembership", "WorkOffer", "SovereignWorkload"])
def test_status_of_the_reference_is_stored_wholly(kind: str, kubectl: Kubectl) -> None:
    if kind == "SovereignWorkload":
        manifest, status = documents(SAMPLES / "reference/workload-health.yaml")[0], STATUS
    else:
        manifest, status = reference(kind)
    place = f"status-of-{kind.lower()}"
    metadata = {"name": manifest["metadata"]["name"], "namespace": place}
    spec = {"apiVersion": GROUP, "kind": kind, "metadata": metadata, "spec": manifest["spec"]}
    kubectl("apply", "-f", "-", input=yaml.safe_dump_all([namespace(place), spec]))
    answer = kubectl(
        "apply", "--server-side", "--force-conflicts", "--subresource=status", "--validate=strict", "-o", "json",
        "-f", "-", input=yaml.safe_dump({**spec, "status": status}),
    )  # fmt: skip
    stored = json.loads(answer)["status"]
    # Conditions merge by type: those that the default brings stand beside
    conditions = {c["type"]: c for c in stored["conditions"]}
    stored["conditions"] = [conditions[c["type"]] for c in status.get("conditions", conditions.values())]
    assert list(dropped(status, stored, "status")) == []
    # Others list all namespaces of the same API server
    kubectl("delete", kind, "--all", f"--namespace={place}")
