"""Units against a real API server, scheduler and controller manager."""

from sitelab import SYSTEM, Lab, node, source, thing, unit
from waiting import until


def test_a_unit_marks_its_nodes_counts_their_gpus_and_follows_them(lab: Lab) -> None:
    lab.unit("follow", "FR-01", nodes=2)
    until(lambda: lab.condition("PolicloudUnit", "follow", "Ready")[0] == "True", "the unit is ready")
    marked = lab.get("Node", "follow-n0", None, "v1")
    assert marked is not None
    labels = marked["metadata"]["labels"]
    assert labels["policloud.io/unit"] == "follow"
    assert labels["policloud.io/pool"] == "main"
    assert labels["policloud.io/gpu-product"] == "NVIDIA-L40S"
    assert {"key": "policloud.io/gpu", "value": "follow", "effect": "NoSchedule"} in marked["spec"]["taints"]

    lab.apply(node("follow-n2", "follow"))
    until(lambda: _gpus(lab, "follow") == (24, 24), "a node that comes is counted")

    lab.patch(
        "Node", "follow-n2", {"metadata": {"annotations": {"policloud.io/simulated-failure": "true"}}}, None, "v1"
    )
    not_ready = [{"type": "Ready", "status": "False", "reason": "Test", "message": ""}]
    lab.plane.api.request(
        "PATCH",
        "/api/v1/nodes/follow-n2/status",
        {"status": {"conditions": not_ready}},
        content_type="application/strategic-merge-patch+json",
    )
    until(lambda: _gpus(lab, "follow") == (24, 16), "a node that turns NotReady gives no GPUs")
    assert _power(lab, "follow")["baseWatts"] == 1000 + 3 * 1000, "but counts as powered"

    lab.delete("Node", "follow-n2", None, "v1")
    until(lambda: _gpus(lab, "follow") == (16, 16), "a node that goes is not counted")
    until(lambda: _power(lab, "follow")["baseWatts"] == 1000 + 2 * 1000, "its power is free once its object is gone")


def test_governor_conditions_say_honestly_that_nothing_is_capped(lab: Lab) -> None:
    lab.unit("honest", "FR-02")
    until(lambda: lab.condition("PolicloudUnit", "honest", "BudgetHeld")[0] == "True", "the budget is held")
    assert lab.condition("PolicloudUnit", "honest", "TelemetryFresh")[0] == "True"
    status, reason, message = lab.condition("PolicloudUnit", "honest", "ActuatorsVerified")
    assert (status, reason) == ("Unknown", "GovernorNotInstalled")
    assert "rated draw" in message


def test_a_selector_that_matches_no_node_says_which_and_how_to_mend_it(lab: Lab) -> None:
    lab.wind("lonely", 10_000)
    lab.apply(source("lonely"), unit("lonely", "FR-03"))
    until(lambda: lab.condition("PolicloudUnit", "lonely", "PoolsMatched")[0] == "False", "PoolsMatched is False")
    _, reason, message = lab.condition("PolicloudUnit", "lonely", "PoolsMatched")
    assert reason == "NoNodeMatches"
    assert "pool=lonely" in message
    assert "kubectl label node" in message
    lab.apply(node("lonely-n0", "lonely"))
    until(lambda: lab.condition("PolicloudUnit", "lonely", "Ready")[0] == "True", "it mends itself once a node comes")


def test_of_two_units_that_claim_a_node_the_first_by_name_has_it(lab: Lab) -> None:
    lab.unit("claim-a", "FR-04")
    second = unit("claim-b", "FR-05")
    second["spec"]["pools"][0]["nodeSelector"] = {"pool": "claim-a"}
    second["spec"]["electrical"]["sources"] = ["claim-a"]
    lab.apply(second)
    until(lambda: lab.condition("PolicloudUnit", "claim-b", "PoolsMatched")[1] == "NodeContested", "the second is told")
    assert "claim-a" in lab.condition("PolicloudUnit", "claim-b", "PoolsMatched")[2]
    until(lambda: lab.condition("PolicloudUnit", "claim-a", "Ready")[0] == "True", "the first is ready")
    assert _gpus(lab, "claim-a") == (8, 8)


def test_an_unknown_source_counts_as_no_power_and_is_named(lab: Lab) -> None:
    lab.apply(unit("sourceless", "FR-06"), node("sourceless-n0", "sourceless"))
    until(lambda: lab.condition("PolicloudUnit", "sourceless", "Ready")[1] == "SourceUnknown", "Ready says so")
    assert "sourceless" in lab.condition("PolicloudUnit", "sourceless", "Ready")[2]
    assert lab.condition("PolicloudUnit", "sourceless", "TelemetryFresh")[1] == "SourceUnknown"


def test_units_on_one_source_share_it_and_never_count_it_twice(lab: Lab) -> None:
    lab.wind("shared", 30_000)
    lab.apply(source("shared"))
    for name, place, limit in (("share-a", "FR-07", 60_000), ("share-b", "FR-08", 30_000)):
        body = unit(name, place)
        body["spec"]["electrical"] |= {"sources": ["shared"], "limitWatts": limit}
        lab.apply(body, node(f"{name}-n0", name))
    until(lambda: _power(lab, "share-a").get("sourceWatts") == 20_000, "by their limits: two thirds")
    until(lambda: _power(lab, "share-b").get("sourceWatts") == 10_000, "and one third")


def test_deleting_a_unit_drains_first_and_leaves_its_nodes_clean(lab: Lab) -> None:
    lab.unit("leaver", "FR-09")
    lab.run("t-leaver", "svc", "FR-09", sovereignty={"drainNoticeSeconds": 1})
    until(lambda: lab.reason("t-leaver", "svc") == "Running", "work runs there")
    lab.delete("PolicloudUnit", "leaver")
    until(lambda: lab.get("PolicloudUnit", "leaver") is None, "the unit is gone once its work has left", 30)
    assert not lab.pods("t-leaver", "svc")
    clean = lab.get("Node", "leaver-n0", None, "v1")
    assert clean is not None
    assert "policloud.io/unit" not in clean["metadata"]["labels"]
    assert clean["metadata"]["labels"]["pool"] == "leaver", "what the site's people put there stays"
    assert not [t for t in clean["spec"].get("taints", []) if t["key"].startswith("policloud.io/")]


def test_two_units_of_one_name_cannot_be(lab: Lab) -> None:
    lab.unit("twin", "FR-10")
    other = unit("twin", "FR-11")
    other["metadata"]["namespace"] = "zz-other"
    lab.apply(thing("v1", "Namespace", "zz-other"), other)
    until(lambda: lab.condition("PolicloudUnit", "twin", "Stalled", "zz-other")[1] == "DuplicateName", "it is told")
    assert SYSTEM in lab.condition("PolicloudUnit", "twin", "Stalled", "zz-other")[2]


def _gpus(lab: Lab, name: str) -> tuple[int, int]:
    counts = ((lab.get("PolicloudUnit", name) or {}).get("status") or {}).get("gpus") or {}
    return counts.get("total", 0), counts.get("ready", 0)


def _power(lab: Lab, name: str) -> dict[str, int]:
    power: dict[str, int] = ((lab.get("PolicloudUnit", name) or {}).get("status") or {}).get("power") or {}
    return power
