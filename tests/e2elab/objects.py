"""What the owners of two sites and one tenant write: a unit, a source, a mandate each; workloads."""

from __future__ import annotations

import json

import bodies
from e2elab.cluster import NAMESPACE, Body
from policloud.api.names import SCOPE_LABEL, SCOPE_LOCAL
from policloud.api.resources import API_VERSION

TENANT = "observatory"
COUNTRIES = {"cannes": "FR", "malaga": "ES", "hub": "FR"}  # the hub's own, where it has a site on its cluster
WORDS = "a replica of a tenant"
STORAGE_CLASS = "standard"
_PUBLISHED = ["location", "operator", "ownership", "exposures", "pools", "storage", "networkPolicy"]
_FACTS = ("location", "operator", "ownership", "exposures", "networkPolicy")
_NOTICE_SECONDS = 1  # of everything that has to leave a place: long enough to be seen, too short to wait for


def unit_name(site: str) -> str:
    return f"{site}-1"


def stream(*objects: Body) -> str:
    """For `kubectl apply -f -`."""
    return "\n---\n".join(map(json.dumps, objects))


def unit(site: str) -> Body:
    made = bodies.unit(unit_name(site), country=COUNTRIES[site])
    storage = [{"class": STORAGE_CLASS, "capacityGiB": 1000}]
    made["spec"] |= {"storage": storage, "federation": {"publish": _PUBLISHED}}
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
    return bodies.mandate(*(tenants or (TENANT,)), notice=_NOTICE_SECONDS)


def attested(site: str) -> Body:
    """The patch by which the platform team vouches for what the owner says."""
    spec = unit(site)["spec"]
    return {"spec": {"attested": [{"unit": unit_name(site), **{k: spec[k] for k in _FACTS}}]}}


def namespace(name: str) -> Body:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def workload(name: str, replicas: int, *, at: list[str], image: str, mobility: str = "Preferred") -> Body:
    """Lawful `at` the countries of these sites alone. Its container says WORDS and waits."""
    made = bodies.inference(name, TENANT, replicas, mobility=mobility, **_law(at))
    made["spec"]["inference"]["template"]["spec"] = {"containers": [_container(image)]}
    return made


def service(name: str, *, at: list[str], image: str) -> Body:
    """One replica of a workload with all that may belong to one: a port, a disk, no way out."""
    made = workload(name, 1, at=at, image=image)
    made["spec"]["inference"]["port"] = 8000
    made["spec"]["storage"] = [{"name": "data", "sizeGiB": 1, "class": STORAGE_CLASS, "mountPath": "/data"}]
    made["spec"]["sovereignty"]["egress"] = {"policy": "Deny"}
    return made


def batch(name: str, *, at: list[str], image: str) -> Body:
    """Two pods' work, one at a time, that does not end by itself."""
    made = workload(name, 1, at=at, image=image)
    template = made["spec"].pop("inference")["template"]
    template["metadata"] = {"annotations": {"policloud.io/simulated-seconds": "600"}}
    made["spec"] |= {"class": "Batch", "batch": {"completions": 2, "parallelism": 1, "template": template}}
    return made


def local(made: Body) -> Body:
    """The same as the site's own work, applied there; no hub looks at it."""
    return {**made, "metadata": {**made["metadata"], "labels": {SCOPE_LABEL: SCOPE_LOCAL}}}


def _law(at: list[str]) -> Body:
    return {
        "location": {"allow": sorted({COUNTRIES[site] for site in at})},
        "drainNoticeSeconds": _NOTICE_SECONDS,
    }


def _container(image: str) -> Body:
    script = f"import time; print({WORDS!r}, flush=True); time.sleep(86400)"
    return {
        "name": "server",
        "image": image,
        "imagePullPolicy": "Never",
        "command": ["python3", "-c", script],
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
    }
