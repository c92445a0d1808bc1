"""Once all scenarios have run: every right that our charts grant was used by one of them, or there is a reason."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

import rbacaudit
from e2elab.cluster import Body
from e2elab.fleet import Fleet
from rendered import HUB, JOIN, template


def test_every_right_that_is_granted_was_used(fleet: Fleet, request: pytest.FixtureRequest) -> None:
    """Of processes and of Helm's hooks, by the audit logs of all clusters; and none is one that nobody may hold."""
    if missing := _missing(request):
        pytest.skip(f"tells only after every scenario has passed; {missing}: run all of {Path(__file__).parent.name}")
    roles = _roles()
    assert {"policloud-hub-guard", "policloud-site-member", "policloud-federated"} <= {
        r["metadata"]["name"] for r in roles
    }
    log = [event for cluster in fleet.clusters for event in cluster.audit()]
    assert [str(grant) for grant in rbacaudit.unused(roles, log)] == []
    assert [str(grant) for grant in rbacaudit.dangerous(roles)] == []


def _roles() -> list[Body]:
    texts = [template("policloud-hub", HUB), template("policloud-site", {"join": JOIN})]
    bodies = [body for text in texts for body in yaml.load_all(text, yaml.CSafeLoader) if body]
    return [body for body in bodies if body["kind"] in {"ClusterRole", "Role"}]


def _missing(request: pytest.FixtureRequest) -> str:
    """Why this run does not show what the scenarios use; empty if it does. Long ones are not waited for."""
    scenarios = Path(__file__).parent.glob("test_scenario_*.py")
    files = {path.name for path in scenarios if "mark.long" not in path.read_text()}
    if absent := files - {item.path.name for item in request.session.items}:
        return f"{', '.join(sorted(absent))} did not run"
    if chosen := request.config.option.keyword:
        return f"-k {chosen} chose some"
    return "a test failed" if request.session.testsfailed else ""
