"""What happens to running work when power falls, GPUs vanish, or the law no longer holds."""

from datetime import UTC, datetime, timedelta

from sitelab import Lab, node, unit
from waiting import until

BASE = 2_000  # of a unit with one node: other loads and the host


def test_falling_wind_sheds_by_priority_and_rising_wind_brings_all_back(lab: Lab) -> None:
    lab.unit("windy", "FR-41")
    lab.run("t-windy", "vital", "FR-41", priority=900)
    lab.run("t-windy", "batch", "FR-41", priority=100, **{"class": "Batch"})
    lab.run("t-windy", "chat", "FR-41", priority=500, inference={"replicas": 3, "minReplicas": 1})
    for name in ("vital", "batch", "chat"):
        until(lambda name=name: lab.reason("t-windy", name) == "Running", f"{name} runs")

    lab.wind("windy", BASE + 4 * 350)
    until(lambda: lab.reason("t-windy", "batch") == "WaitingForEnergy", "the least important is suspended")
    until(lambda: lab.granted("t-windy", "chat") == 2, "the next shrinks by what is needed")
    assert lab.granted("t-windy", "vital") == 2
    jobs = lab.all("/apis/batch/v1/namespaces/t-windy/jobs")
    assert [j["spec"]["suspend"] for j in jobs] == [True], "the Job is suspended, not lost"
    until(lambda: len(lab.pods("t-windy", "chat")) == 2, "pods follow")
    place = (lab.get("SovereignWorkload", "batch", "t-windy") or {})["status"]["placements"]
    assert [(p["unit"], p["replicas"], p["state"]) for p in place] == [("windy", 0, "Suspended")]
    until(lambda: _used(lab, "windy") <= BASE + 4 * 350, "nothing is drawn above the budget")

    lab.wind("windy", BASE + 300)
    until(lambda: lab.reason("t-windy", "vital") == "WaitingForEnergy", "in the end even the most important")
    until(lambda: not lab.pods("t-windy", "vital"), "its pods go")

    lab.wind("windy", 100_000)
    for name in ("vital", "chat", "batch"):
        until(lambda name=name: lab.reason("t-windy", name) == "Running", f"{name} runs again", 30)
    assert lab.granted("t-windy", "chat") == 3


def test_when_a_node_is_lost_the_least_important_work_makes_room(lab: Lab) -> None:
    lab.unit("lossy", "FR-42", nodes=2, gpus=2)
    lab.run("t-lossy", "low", "FR-42", priority=100)
    until(lambda: lab.reason("t-lossy", "low") == "Running", "low runs")
    lab.run("t-lossy", "high", "FR-42", priority=900)
    until(lambda: lab.reason("t-lossy", "high") == "Running", "high runs")
    victim = lab.pods("t-lossy", "high")[0]["spec"]["nodeName"]
    lab.delete("Node", victim, None, "v1")
    until(lambda: lab.granted("t-lossy", "low") == 0, "low gives way", 30)
    assert lab.reason("t-lossy", "low") == "WaitingForCapacity"
    until(lambda: len(lab.pods("t-lossy", "high")) == 2, "high runs on the node that is left", 60)
    lab.apply(node("lossy-n9", "lossy", 2))
    until(lambda: lab.reason("t-lossy", "low") == "Running", "and low comes back with a new node", 30)


def test_an_expired_certificate_drains_and_stops_with_nowhere_else_to_go(lab: Lab) -> None:
    lab.unit("lapse", "FR-43")
    law = {"certifications": [{"anyOf": ["HDS"]}], "drainNoticeSeconds": 3}
    lab.run("t-lapse", "svc", "FR-43", sovereignty=law)
    until(lambda: lab.reason("t-lapse", "svc") == "Running", "it runs")
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()  # noqa: TID251 - real certificates, real days
    lapsed = unit("lapse", "FR-43", certifications=[{"scheme": "HDS", "validUntil": yesterday}])
    lab.apply(lapsed)
    until(lambda: lab.reason("t-lapse", "svc") == "LawBroken", "it is told why")
    assert len(lab.pods("t-lapse", "svc")) == 2, "it runs on while its notice lasts"
    state = (lab.get("SovereignWorkload", "svc", "t-lapse") or {})["status"]["placements"][0]["state"]
    assert state == "Draining"
    until(lambda: not lab.pods("t-lapse", "svc"), "then it stops", 30)
    until(lambda: lab.granted("t-lapse", "svc") == 0, "and holds nothing")
    lab.apply(unit("lapse", "FR-43"))
    until(lambda: lab.reason("t-lapse", "svc") == "Running", "a renewed certificate brings it back")


def test_a_change_of_owner_moves_work_to_another_unit_of_the_site(lab: Lab) -> None:
    for name, place in (("owner-a", "FR-44"), ("owner-b", "FR-45")):
        lab.unit(name, place)
    law = {"location": {"allow": ["FR-44", "FR-45"]}, "ownership": {"allow": ["FR"]}, "drainNoticeSeconds": 5}
    lab.run("t-owner", "svc", "FR-44", sovereignty=law)
    until(lambda: lab.reason("t-owner", "svc") == "Running", "it runs")
    here = _units(lab, "t-owner", "svc")[0]
    there = ({"owner-a", "owner-b"} - {here}).pop()
    owners = [{"name": "Fund", "jurisdiction": "US", "sharePercent": "100"}]
    place = "FR-44" if here == "owner-a" else "FR-45"
    lab.apply(unit(here, place, ownership=[{"from": "2020-01-01", "owners": owners}]))
    until(lambda: _units(lab, "t-owner", "svc") == [there], "it has moved", 30)
    until(lambda: lab.reason("t-owner", "svc") == "Running", "and runs there")


def _units(lab: Lab, namespace: str, name: str) -> list[str]:
    status = (lab.get("SovereignWorkload", name, namespace) or {}).get("status") or {}
    return [p["unit"] for p in status.get("placements", []) if p["replicas"]]


def _used(lab: Lab, name: str) -> int:
    return int((lab.get("PolicloudUnit", name) or {})["status"]["power"]["usedWatts"])
