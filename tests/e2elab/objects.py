"""What the owners of two sites and one tenant write: a unit, a source, a mandate each; workloads."""

from __future__ import annotations

import json
from typing import Any

import bodies
from e2elab.cluster import NAMESPACE, Body
from policloud.api.resources import API_VERSION

TENANT = "observatory"
COUNTRIES = {"cannes": "FR", "malaga": "ES", "hub": "FR"}  # the hub's own, where it has a site on its cluster
WORDS = "a replica of a tenant"
_PUBLISHED = ["location", "operator", "ownership", "exposures", "pools", "networkPolicy"]
_FACTS = ("location", "operator", "ownership", "exposures")


def unit_name(site: str) -> str:
    return f"{site}-1"


def stream(*objects: Body) -> str:
    """For `kubectl apply -f -`."""
    return "\n---\n".join(map(json.dumps, objects))


def unit(site: str) -> Body:
    made = bodies.unit(unit_name(site), country=COUNTRIES[site])
    made["spec"] |= {"networkPolicy": "None", "federation": {"publish": _PUBLISHED}}
    return made


def grid() -> Body:
    """A mains connection with a meter that always shows the same."""
    meter = {"name": "feeder", "quantity": "SiteImport", "simulated": {"constant": {"watts": 2000}}}
    telemetry = {"periodSeconds": 2, "staleAfterSeconds": 20, "deadAfterSeconds": 120, "meters": [meter]}
    return {
        "apiVersion": API_VERSION,
        "kind": "EnergySource",
        "metadata": {"name": "grid", "namespace": NAMESPACE},
        "spec": {
            "type": "Grid",
            "connection": "Grid",
            "nameplateWatts": 20000,
            "importLimitWatts": 20000,
            "telemetry": telemetry,
        },
    }


def mandate(*tenants: str) -> Body:
    return bodies.mandate(*(tenants or (TENANT,)), notice=1)


def attested(site: str) -> Body:
    """The patch by which the platform team vouches for what the owner says."""
    spec = unit(site)["spec"]
    return {"spec": {"attested": [{"unit": unit_name(site), **{k: spec[k] for k in _FACTS}}]}}


def namespace(name: str) -> Body:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def workload(name: str, replicas: int, *, at: list[str], image: str, mobility: str = "Preferred") -> Body:
    """Lawful `at` the countries of these sites alone. Its container says WORDS and waits."""
    law = {"location": {"allow": sorted({COUNTRIES[site] for site in at})}}
    made = bodies.inference(name, TENANT, replicas, mobility=mobility, **law)
    script = f"import time; print({WORDS!r}, flush=True); time.sleep(86400)"
    container: dict[str, Any] = {
        "name": "server",
        "image": image,
        "imagePullPolicy": "Never",
        "command": ["python3", "-c", script],
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
    }
    made["spec"]["inference"]["template"]["spec"] = {"containers": [container]}
    return made
