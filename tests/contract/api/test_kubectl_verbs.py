"""What kubectl does with all our kinds: selectors, category, tables, scale, and a wait that does not pass early."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from manifests import GROUP, SAMPLES, documents
from policloud.api.v1alpha1 import KINDS
from policloud.testing.controlplane import ControlPlane, ControlPlaneError

Body = dict[str, Any]
Kubectl = Callable[..., str]

PLACE = "kubectl-views"
# kind: short name, object
SHOWN = {
    "PolicloudUnit": ("pcu", "rougeline-1"),
    "EnergySource": ("esrc", "eole-nord"),
    "SovereignWorkload": ("swl", "triage-assistant"),
    "SiteMembership": ("smb", "rougeline"),
    "WorkOffer": ("offer", "triage-assistant-7c1e09af"),
    "SiteMandate": ("mandate", "cooperative"),
}


@pytest.fixture(scope="module")
def get(api_server: ControlPlane) -> Iterator[Kubectl]:
    """kubectl in a namespace that holds the reference manifests, untouched by any operator."""
    objects = [d for path in sorted((SAMPLES / "reference").glob("*.yaml")) for d in documents(path)]
    moved = [{k: v for k, v in d.items() if k != "status"} for d in objects]
    for each in moved:
        each["metadata"] = {"name": each["metadata"]["name"], "namespace": PLACE}
    here = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": PLACE}}
    api_server.kubectl("apply", "-f", "-", input=yaml.safe_dump_all([here, *moved]))

    def kubectl(*arguments: str, **options: Any) -> str:
        return api_server.kubectl("--namespace", PLACE, *arguments, **options)

    yield kubectl
    # Others list all namespaces of the same API server
    kubectl("delete", ",".join(SHOWN), "--all")


def set_status(get: Kubectl, short: str, name: str, status: Body) -> None:
    get("patch", short, name, "--subresource=status", "--type=merge", "-p", json.dumps({"status": status}))


def test_wide_says_why(get: Kubectl) -> None:
    table = get("get", "pcu,esrc,swl,smb,mandate", "-o", "wide")
    assert table.count("MESSAGE") == 5
    assert table.count("not looked at yet") == 7


def test_category_shows_all_kinds(get: Kubectl) -> None:
    found = {line.split(".")[0] for line in get("get", "policloud", "-o", "name").split()}
    assert found == {kind.lower() for kind in SHOWN}


def test_a_workload_is_read_at_a_glance(get: Kubectl) -> None:
    waits = [{"type": "Ready", "status": "False", "reason": "WaitingForEnergy", "message": "2 of 6 replicas run",
              "lastTransitionTime": "2026-11-22T09:14:00Z"}]  # fmt: skip
    summary = {"replicas": "2/6", "units": "cannes-1", "power": "1.1 kW"}
    set_status(get, "swl", "climate-downscaling", {"conditions": waits, "summary": summary})
    row = get("get", "swl", "climate-downscaling", "--no-headers").split("  ")
    assert [cell.strip() for cell in row if cell.strip()][:-1] == [
        "climate-downscaling", "False", "WaitingForEnergy", "2/6", "cannes-1", "1.1 kW",
    ]  # fmt: skip


@pytest.mark.parametrize("kind", SHOWN)
def test_nobody_has_looked_yet(kind: str, get: Kubectl) -> None:
    status = json.loads(get("create", "--dry-run=server", "-o", "json", "-f", "-", input=copy_of(kind, get)))["status"]
    info = next(cls.info for cls in KINDS if cls.__name__ == kind)
    assert status["observedGeneration"] == -1
    assert [c["type"] for c in status["conditions"]] == list(info.conditions)
    assert {(c["status"], c["reason"], c["observedGeneration"]) for c in status["conditions"]} == {
        ("Unknown", "PendingEvaluation", -1)
    }


def copy_of(kind: str, get: Kubectl) -> str:
    short, name = SHOWN[kind]
    spec = json.loads(get("get", short, name, "-o", "json"))["spec"]
    metadata = {"name": f"{name}-2", "namespace": PLACE}
    return json.dumps({"apiVersion": GROUP, "kind": kind, "metadata": metadata, "spec": spec})


def passes(get: Kubectl, short: str, name: str) -> bool:
    """Whether `kubectl wait` for Ready is content at once."""
    try:
        get("wait", short, name, "--for=condition=Ready", "--timeout=200ms")
    except ControlPlaneError as e:
        assert "timed out waiting for the condition" in str(e)  # noqa: PT017 - any other error is one
        return False
    return True


def test_wait_does_not_pass_early(get: Kubectl) -> None:
    generation = json.loads(get("get", "esrc", "eole-nord", "-o", "json"))["metadata"]["generation"]
    ready = {"type": "Ready", "status": "True", "reason": "Good", "lastTransitionTime": "2026-11-22T09:14:00Z"}
    assert not passes(get, "esrc", "eole-nord")
    # A verdict on an older spec is none on this one
    set_status(get, "esrc", "eole-nord", {"conditions": [{**ready, "observedGeneration": generation - 1}]})
    assert not passes(get, "esrc", "eole-nord")
    set_status(get, "esrc", "eole-nord", {"conditions": [{**ready, "observedGeneration": generation}]})
    assert passes(get, "esrc", "eole-nord")


def test_scale_says_how_many_run(get: Kubectl) -> None:
    get("scale", "swl", "triage-assistant", "--replicas=4")
    set_status(get, "swl", "triage-assistant", {"replicas": 3, "selector": "policloud.io/workload=triage-assistant"})
    scale = json.loads(get("get", "swl", "triage-assistant", "--subresource=scale", "-o", "json"))
    assert scale["spec"]["replicas"] == 4
    assert scale["status"] == {"replicas": 3, "selector": "policloud.io/workload=triage-assistant"}


def test_only_a_service_is_scaled(get: Kubectl) -> None:
    with pytest.raises(ControlPlaneError, match="climate-downscaling"):
        get("scale", "swl", "climate-downscaling", "--replicas=3")
    assert "inference" not in json.loads(get("get", "swl", "climate-downscaling", "-o", "json"))["spec"]


# kind: selector, what it finds among the reference manifests
SELECTED = {
    "pcu": {
        "spec.location.country=FR": "rougeline-1",
        "spec.location.country=DE": "",
        "spec.published=false": "rougeline-1",
        "spec.model=P360": "rougeline-1",
    },
    "esrc": {"spec.type=Wind,spec.connection=BehindTheMeter": "eole-nord", "spec.type=Solar": ""},
    "swl": {"spec.class=Batch": "climate-downscaling", "spec.class=VirtualMachine": "registry-office"},
    "smb": {"spec.accepted=true,spec.paused=false": "rougeline", "spec.paused=true": ""},
    "offer": {
        "spec.unit=rougeline-1": "triage-assistant-7c1e09af",
        "spec.workload.namespace=sante-47,spec.workload.name=triage-assistant": "triage-assistant-7c1e09af",
        "spec.withdrawn=true": "",
    },
}


@pytest.mark.parametrize("short", SELECTED)
def test_selectable_fields(short: str, get: Kubectl) -> None:
    for selector, found in SELECTED[short].items():
        names = get("get", short, "--field-selector", selector, "-o", "jsonpath={.items[*].metadata.name}")
        assert names == found, selector


def test_all_selectable_fields_are_tried() -> None:
    for info in (cls.info for cls in KINDS):
        pairs = {pair for selector in SELECTED.get(info.short_name, ()) for pair in selector.split(",")}
        assert {pair.split("=")[0] for pair in pairs} == {path.lstrip(".") for path in info.selectable}
