"""What fails, and what goes on meanwhile: no fault between hub, sites and their API servers touches a running pod.

Nor is anything started twice: the work may lawfully run at either site, and the scheduler's bindings are counted.
"""

from __future__ import annotations

from e2elab.cluster import NAMESPACE, Body
from e2elab.fleet import Fleet
from e2elab.objects import unit_name
from e2elab.starts import Starts
from e2elab.state import condition, get, is_true, listed, stays, until

_ANYWHERE = ["cannes", "malaga"]
_PAUSED = {"local": 12.0, "kind": 180.0}  # seconds; at a tenth of the waits a tenth of the time, and some


def _uids(pods: list[Body]) -> set[str]:
    return {pod["metadata"]["uid"] for pod in pods}


def _where(fleet: Fleet, name: str) -> str:
    """A site that runs some of it."""
    return min(fleet.everywhere(name))


def _hub_connected(fleet: Fleet, site: str) -> str:
    unit = get(fleet.sites[site], "pcu", unit_name(site))
    return str(condition(unit, "HubConnected").get("status"))


def test_a_hub_uninstalled_and_installed_again_finds_everything_as_it_was(federation: Fleet) -> None:
    starts = Starts(federation, "sky")
    federation.submit("sky", 2, at=_ANYWHERE)
    before = _uids(federation.wait_running("sky", 2))
    federation.uninstall(federation.hub, "hub", hooks=False)
    for site in federation.sites:
        until(
            lambda at=site: _hub_connected(federation, at) == "False",
            90,
            what=f"{site} notices that its hub is gone",
        )
    assert _uids([pod for pods in federation.everywhere("sky").values() for pod in pods]) == before
    federation.install_hub()
    for site in federation.sites:
        federation.wait_joined(site)
    assert _uids(federation.wait_running("sky", 2)) == before
    federation.scale("sky", 3)
    assert before < _uids(federation.wait_running("sky", 3))
    assert starts.count(3) == 3


def test_a_killed_site_process_goes_on_where_it_was(federation: Fleet) -> None:
    starts = Starts(federation, "sky")
    federation.submit("sky", 2, at=_ANYWHERE)
    before = _uids(federation.wait_running("sky", 2))
    there = _where(federation, "sky")
    restarts = _restarts(federation, there)
    federation.sites[there].kill_operator("site")
    federation.scale("sky", 3)
    until(lambda: _restarts(federation, there) > restarts, 60, what="the site's process was started again")
    federation.sites[there].kubectl("rollout", "status", "deployment/policloud-site", "-n", NAMESPACE, "--timeout=120s")
    assert before < _uids(federation.wait_running("sky", 3))
    assert starts.count(3) == 3


def _restarts(fleet: Fleet, site: str) -> int:
    pods = listed(fleet.sites[site], "pods", "-n", NAMESPACE, "-l", "app.kubernetes.io/component=site")
    return sum(status["restartCount"] for pod in pods for status in pod["status"].get("containerStatuses") or ())


def test_a_paused_api_server_of_a_site_stops_nothing(federation: Fleet) -> None:
    """Its hub hears it no more or hears that it knows nothing, moves no Preferred work, and goes on when it is back."""
    starts = Starts(federation, "sky")
    federation.submit("sky", 2, at=_ANYWHERE)
    federation.wait_running("sky", 2)
    site = _where(federation, "sky")
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
    assert starts.count(2) == 2


def test_a_cut_line_separates_and_heals(federation: Fleet) -> None:
    """No pod notices; nothing is started elsewhere; what was edited meanwhile is done when the line is back."""
    skies = Starts(federation, "sky")
    federation.submit("sky", 2, at=_ANYWHERE)
    sky = _uids(federation.wait_running("sky", 2))
    site = _where(federation, "sky")
    tides = Starts(federation, "tide")
    federation.submit("tide", 1, at=[site])
    tide = _uids(federation.wait_running("tide", 1, site))
    cluster = federation.sites[site]
    cluster.cut(federation.hub)
    try:
        federation.wait_reachable(site, reachable=False)
        federation.scale("tide", 2)
        until(lambda: _hub_connected(federation, site) == "False", 90, what=f"{site} notices the cut")
        for name in ("sky", "tide"):
            until(
                lambda of=name: condition(federation.workload(of), "Ready").get("reason") == "SiteUnreachable",
                60,
                what=f"the tenant of {name} is told that the site is away",
                seen=lambda of=name: federation.told(of),
            )
        assert _uids(federation.pods(site, "tide")) == tide
        (other,) = (s for s in federation.sites if s != site)
        assert is_true(federation.membership(other), "Reachable")
    finally:
        cluster.heal(federation.hub)
    federation.wait_reachable(site, reachable=True)
    assert tide < _uids(federation.wait_running("tide", 2, site, seconds=120))
    assert _uids(federation.wait_running("sky", 2)) == sky
    assert (skies.count(2), tides.count(2)) == (2, 2)
