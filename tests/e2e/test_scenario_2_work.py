"""What a tenant submits to the hub runs as pods at a site: edited, drained, and sent away by those who may."""

from __future__ import annotations

import json

import pytest

from e2elab import objects
from e2elab.cluster import NAMESPACE, Body
from e2elab.fleet import Fleet
from e2elab.objects import TENANT, WORDS, unit_name
from e2elab.state import condition, get, is_true, listed, until


def _uids(pods: list[Body]) -> set[str]:
    return {pod["metadata"]["uid"] for pod in pods}


@pytest.mark.smoke
def test_a_workload_runs_and_its_pods_have_logs(federation: Fleet) -> None:
    federation.submit("sky", 2, at=["cannes"])
    pods = federation.wait_running("sky", 2, "cannes")
    status = (federation.workload("sky") or {})["status"]
    assert [(p["site"], p["unit"], p["replicas"]) for p in status["placements"]] == [("cannes", "cannes-1", 2)]
    assert federation.pods("malaga") == []
    site = federation.sites["cannes"]
    for pod in pods if site.real_pods else ():
        assert site.pod_log(pod["metadata"]["namespace"], pod["metadata"]["name"]).strip() == WORDS


def test_an_edit_adds_pods_and_keeps_those_that_run(federation: Fleet) -> None:
    federation.submit("sky", 2, at=["cannes"])
    before = _uids(federation.wait_running("sky", 2, "cannes"))
    federation.scale("sky", 4)
    assert before <= _uids(federation.wait_running("sky", 4, "cannes"))
    federation.scale("sky", 1)
    federation.wait_running("sky", 1, "cannes")


def test_a_drained_node_gives_its_work_to_the_other(federation: Fleet) -> None:
    federation.submit("sky", 2, at=["cannes"])
    (node, *_) = {pod["spec"]["nodeName"] for pod in federation.wait_running("sky", 2, "cannes")}
    site = federation.sites["cannes"]
    site.kubectl("drain", node, "--ignore-daemonsets", "--delete-emptydir-data", "--force", "--timeout=120s")
    try:
        pods = federation.wait_running("sky", 2, "cannes", seconds=90)
        assert {pod["spec"]["nodeName"] for pod in pods}.isdisjoint({node})
    finally:
        site.kubectl("uncordon", node)


def test_a_withdrawn_unit_lets_its_work_go_elsewhere(federation: Fleet) -> None:
    """Its owner deletes it: drained by the work's notice, then its nodes lose their marks, then it is gone.

    The owner's own work there leaves it likewise.
    """
    federation.submit("sky", 2, at=["malaga"])
    site = federation.sites["malaga"]
    own = objects.local(objects.workload("kiosk", 1, at=["malaga"], image=federation.ours.image))
    site.kubectl("apply", "-f", "-", input=objects.stream(objects.namespace(TENANT), own))
    federation.wait_running("sky", 2, "malaga")
    until(lambda: is_true(get(site, "swl", "kiosk", TENANT), "Ready"), 60, what="the owner's own work runs")
    site.kubectl("delete", "pcu", unit_name("malaga"), "-n", NAMESPACE, "--timeout=120s")
    try:
        assert federation.pods("malaga") == []
        labels = [node["metadata"]["labels"] for node in listed(site, "nodes")]
        assert not any("policloud.io/unit" in found for found in labels)
        until(
            lambda: condition(federation.workload("sky"), "Ready").get("status") == "False",
            60,
            what="the hub says that sky runs nowhere",
            seen=lambda: federation.told("sky"),
        )
        law = {"spec": {"sovereignty": {"location": {"allow": ["ES", "FR"]}}}}
        federation.hub.kubectl("patch", "swl", "sky", "-n", TENANT, "--type=merge", "-p", json.dumps(law))
        federation.wait_running("sky", 2, "cannes")
    finally:
        site.kubectl("delete", "swl", "kiosk", "-n", TENANT, "--timeout=60s")
        federation.furnish("malaga")
        federation.wait_joined("malaga")


def test_withdrawn_consent_ends_that_tenants_work_there(federation: Fleet) -> None:
    """Within the notice, with the reason; it is offered where it is still admitted. New consent holds for new work."""
    federation.submit("sky", 2, at=["cannes", "malaga"])
    federation.submit("tide", 1, at=["malaga"])
    federation.wait_running("tide", 1, "malaga")
    until(lambda: federation.ready("sky", 2), 60, what="sky runs", seen=lambda: federation.told("sky"))
    site = federation.sites["malaga"]
    site.kubectl("apply", "-f", "-", input=objects.stream(objects.mandate("somebody-else")))
    try:
        until(lambda: not federation.pods("malaga"), 60, what="malaga runs nothing of the tenant's")
        federation.wait_running("sky", 2, "cannes")

        def refused() -> bool:
            decision = ((federation.workload("tide") or {}).get("status") or {}).get("decision") or {}
            reasons = {unit["unit"]: unit.get("reason") for unit in decision.get("units") or ()}
            return reasons.get("malaga-1") == "RefusedByMandate"

        until(refused, 60, what="tide is told why", seen=lambda: federation.told("tide"))
    finally:
        site.kubectl("apply", "-f", "-", input=objects.stream(objects.mandate()))
    federation.submit("dawn", 1, at=["malaga"])
    federation.wait_running("dawn", 1, "malaga")
