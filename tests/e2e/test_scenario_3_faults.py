"""What fails, and what goes on meanwhile: no fault between hub, sites and their API servers touches a running pod."""

from __future__ import annotations

from e2elab.cluster import NAMESPACE, Body
from e2elab.fleet import Fleet
from e2elab.objects import unit_name
from e2elab.state import condition, get, is_true, listed, stays, until

_PAUSED = {"local": 12.0, "kind": 180.0}  # seconds; at a tenth of the waits a tenth of the time, and some


def _uids(pods: list[Body]) -> set[str]:
    return {pod["metadata"]["uid"] for pod in pods}


def _site_ready(fleet: Fleet, site: str) -> None:
    fleet.sites[site].kubectl("rollout", "status", "deployment/policloud-site", "-n", NAMESPACE, "--timeout=120s")


def test_a_hub_uninstalled_and_installed_again_finds_everything_as_it_was(federation: Fleet) -> None:
    federation.submit("sky", 2, at=["cannes"])
    before = _uids(federation.wait_running("sky", 2, "cannes"))
    federation.uninstall(federation.hub, "hub", hooks=False)
    until(
        lambda: condition(get(federation.sites["cannes"], "pcu", "cannes-1"), "HubConnected").get("status") == "False",
        90,
        what="cannes notices that its hub is gone",
    )
    assert _uids(federation.pods("cannes", "sky")) == before
    federation.install_hub()
    federation.wait_joined("cannes")
    assert _uids(federation.wait_running("sky", 2, "cannes")) == before
    federation.scale("sky", 3)
    assert before < _uids(federation.wait_running("sky", 3, "cannes"))


def test_a_killed_site_process_goes_on_where_it_was(federation: Fleet) -> None:
    federation.submit("sky", 2, at=["cannes"])
    before = _uids(federation.wait_running("sky", 2, "cannes"))
    site = federation.sites["cannes"]
    restarts = _restarts(federation, "cannes")
    site.kill_operator("site")
    federation.scale("sky", 3)
    until(lambda: _restarts(federation, "cannes") > restarts, 60, what="the site's process was started again")
    _site_ready(federation, "cannes")
    assert before < _uids(federation.wait_running("sky", 3, "cannes"))


def _restarts(fleet: Fleet, site: str) -> int:
    pods = listed(fleet.sites[site], "pods", "-n", NAMESPACE, "-l", "app.kubernetes.io/component=site")
    return sum(status["restartCount"] for pod in pods for status in pod["status"].get("containerStatuses") or ())


def test_a_paused_api_server_of_a_site_stops_nothing(federation: Fleet) -> None:
    """Its hub hears it no more or hears that it knows nothing, moves no Preferred work, and goes on when it is back."""
    federation.submit("sky", 2, at=["cannes", "malaga"])
    until(lambda: federation.ready("sky", 2), 60, what="sky runs", seen=lambda: federation.told("sky"))
    site = "cannes" if federation.pods("cannes", "sky") else "malaga"
    there = federation.sites[site]
    before = {s: _uids(federation.pods(s, "sky")) for s in federation.sites}
    other = next(s for s in federation.sites if s != site)
    seconds = _PAUSED["kind" if there.real_pods else "local"]
    there.pause()
    try:
        stays(
            lambda: _uids(federation.pods(other, "sky")) == before[other],
            seconds,
            what=f"nothing of sky is started at {other} because {site} is away",
        )
    finally:
        there.resume()
    federation.wait_joined(site)
    until(lambda: federation.ready("sky", 2), 90, what="sky is known to run again", seen=lambda: federation.told("sky"))
    assert {s: _uids(federation.pods(s, "sky")) for s in federation.sites} == before


def test_a_cut_line_separates_and_heals(federation: Fleet) -> None:
    """No pod notices; what was edited meanwhile is done when the line is back."""
    federation.submit("sky", 2, at=["cannes"])
    before = _uids(federation.wait_running("sky", 2, "cannes"))
    site = federation.sites["cannes"]
    site.cut(federation.hub)
    try:
        federation.wait_reachable("cannes", reachable=False)
        federation.scale("sky", 3)
        until(
            lambda: condition(get(site, "pcu", unit_name("cannes")), "HubConnected").get("status") == "False",
            90,
            what="cannes notices the cut",
        )
        until(
            lambda: condition(federation.workload("sky"), "Ready").get("reason") == "SiteUnreachable",
            60,
            what="the tenant is told that the site is away",
            seen=lambda: federation.told("sky"),
        )
        assert _uids(federation.pods("cannes", "sky")) == before
        assert is_true(federation.membership("malaga"), "Reachable")
    finally:
        site.heal(federation.hub)
    federation.wait_reachable("cannes", reachable=True)
    assert before < _uids(federation.wait_running("sky", 3, "cannes", seconds=120))
