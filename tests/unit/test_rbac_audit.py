"""What an audit log says about our roles' rights: used or not, by name or on all, and what nobody may hold."""

from __future__ import annotations

import json
from typing import Any

import pytest

import rbacaudit
from policloud.api.rights import manifests
from rbacaudit import Grant

_ROLES = [
    {
        "kind": "ClusterRole",
        "metadata": {"name": "ours"},
        "rules": [
            {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["list", "create", "patch"]},
            {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": ["get"]},
            {
                "apiGroups": ["coordination.k8s.io"],
                "resources": ["leases", "leases/status"],
                "resourceNames": ["mine"],
                "verbs": ["get"],
            },
        ],
    }
]


def _event(verb: str, group: str, resource: str, *, role: str = "ours", **more: Any) -> dict[str, Any]:
    what = {"apiGroup": group, "resource": resource, **more.pop("what", {})}
    reason = f'RBAC: allowed by ClusterRoleBinding "b" of ClusterRole "{role}" to ServiceAccount "a/n"'
    annotations = {"authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": reason}
    return {"verb": verb, "objectRef": what, "annotations": annotations, "responseStatus": {"code": 200}, **more}


def _left(*log: dict[str, Any]) -> set[str]:
    return {str(grant).removeprefix("ClusterRole ours: ") for grant in rbacaudit.unused(_ROLES, log)}


def test_what_nobody_asked_for_is_told() -> None:
    assert _left(_event("list", "apps", "deployments")) == {
        "create deployments.apps",
        "patch deployments.apps",
        "get leases.coordination.k8s.io",
        "get leases.coordination.k8s.io named mine",
        "get leases/status.coordination.k8s.io named mine",
    }


def test_an_apply_that_created_needed_both_verbs() -> None:
    patched = _event("patch", "apps", "deployments", what={"name": "web"})
    assert "create deployments.apps" in _left(patched)
    assert not {"create deployments.apps", "patch deployments.apps"} & _left(
        patched | {"responseStatus": {"code": 201}}
    )


def test_a_right_on_one_name_counts_before_the_right_on_all() -> None:
    mine = _event("get", "coordination.k8s.io", "leases", what={"name": "mine"})
    assert "get leases.coordination.k8s.io" in _left(mine)
    assert "get leases.coordination.k8s.io named mine" not in _left(mine)
    other = _event("get", "coordination.k8s.io", "leases", what={"name": "other"})
    assert "get leases.coordination.k8s.io" not in _left(other)


def test_a_subresource_is_not_its_object() -> None:
    status = _event("get", "coordination.k8s.io", "leases", what={"name": "mine", "subresource": "status"})
    assert "get leases/status.coordination.k8s.io named mine" not in _left(status)
    assert "get leases.coordination.k8s.io named mine" in _left(status)


@pytest.mark.parametrize(
    "event",
    [
        _event("list", "apps", "deployments", role="theirs"),
        _event("list", "apps", "deployments") | {"annotations": {"authorization.k8s.io/decision": "forbid"}},
        _event("list", "apps", "deployments") | {"annotations": None},
        {"verb": "get", "requestURI": "/version", "annotations": {}},
    ],
    ids=["another's role let it in", "refused", "nothing said", "no object"],
)
def test_what_our_role_did_not_let_in_uses_no_right_of_it(event: dict[str, Any]) -> None:
    assert "list deployments.apps" in _left(event)


def test_a_line_that_is_still_being_written_is_left_out() -> None:
    whole = json.dumps(_event("list", "apps", "deployments"))
    assert len(list(rbacaudit.events([whole + "\n", whole[:40]]))) == 1


@pytest.mark.parametrize(
    ("verbs", "resource", "names", "refused"),
    [
        ("list", "secrets", [], True),
        ("watch", "secrets", ["one"], True),
        ("get", "secrets", ["one"], False),
        ("*", "pods", [], True),
        ("get", "*", [], True),
        ("update", "pods/*", [], True),
        ("escalate", "clusterroles", ["one"], True),
        ("impersonate", "users", ["one"], True),
        ("bind", "clusterroles", [], True),
        ("bind", "clusterroles", ["one"], False),
        ("create", "serviceaccounts/token", [], True),
        ("create", "serviceaccounts/token", ["one"], False),
    ],
)
def test_what_no_role_may_hold(verbs: str, resource: str, names: list[str], refused: bool) -> None:  # noqa: FBT001
    rule = {"apiGroups": [""], "resources": [resource], "verbs": [verbs], "resourceNames": names}
    role = {"kind": "Role", "metadata": {"name": "r"}, "rules": [rule]}
    assert bool(rbacaudit.dangerous([role])) is refused


def _shipped() -> list[Any]:
    both = [*manifests("hub-rbac"), *manifests("site-rbac")]
    return [body for body in both if body["kind"] in {"ClusterRole", "Role"}]


def test_no_role_of_ours_holds_it() -> None:
    assert rbacaudit.dangerous(_shipped()) == []


def test_every_reason_is_for_a_right_that_is_granted_and_none_for_one_that_was_seen() -> None:
    assert rbacaudit.stale(_shipped(), []) == []
    seen = Grant("ClusterRole", "policloud-site-operator", "create", "authentication.k8s.io", "tokenreviews")
    event = _event("create", seen.group, seen.resource, role=seen.role)
    both = event | {"annotations": _event("create", "", "", role="policloud-hub")["annotations"]}
    assert rbacaudit.stale(_shipped(), [event, both]) == [("", "create", "tokenreviews")]
