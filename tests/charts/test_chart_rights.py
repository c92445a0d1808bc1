"""The charts' roles: no more than the issue allows, by name where it can be by name."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from policloud.api.rights import rights_of
from rendered import Rendering

All = tuple[Rendering, ...]
# verb, resource → the names that it may be granted on
_BY_NAME_ONLY = {
    ("bind", "clusterroles"): {"policloud-site-member", "policloud-federated"},
    ("create", "serviceaccounts/token"): {"policloud-site", "policloud-federated"},
    ("get", "secrets"): {"policloud-hub-nonce", "policloud-site-key", "policloud-join-code"},
    ("update", "secrets"): {"policloud-join-code"},
    ("delete", "secrets"): {"policloud-join-code"},
    ("act", "operators"): {"hub", "site"},
}
_NEVER = {"escalate", "impersonate", "deletecollection", "*", "approve", "sign"}
_NEVER_ON = {
    "secrets": {"list", "watch", "patch"},
    "pods": {"create", "update", "patch", "delete"},
    "roles": {"create", "update", "patch", "bind"},
    "clusterroles": {"create", "update", "patch", "delete"},
    "clusterrolebindings": {"create", "update", "patch", "delete"},
    "customresourcedefinitions": {"create", "update", "patch", "delete"},
    "nodes/proxy": {"get", "create"},
    "pods/exec": {"get", "create"},
}


def _rules(r: Rendering) -> Iterator[tuple[str, dict[str, Any]]]:
    for role in r.of("ClusterRole", "Role"):
        for rule in role["rules"]:
            yield role["metadata"]["name"], rule


def test_no_rule_is_wide(rendered: All) -> None:
    for r in rendered:
        for role, rule in _rules(r):
            assert "nonResourceURLs" not in rule
            assert "*" not in itertools.chain(rule["apiGroups"], rule["resources"], rule["verbs"]), role
            assert not _NEVER & set(rule["verbs"]), role
            for resource in rule["resources"]:
                assert not _NEVER_ON.get(resource, set()) & set(rule["verbs"]), f"{role}: {resource}"
                assert not resource.endswith("/*"), role


def test_what_is_granted_by_name_only(rendered: All) -> None:
    seen = set()
    for r in rendered:
        for role, rule in _rules(r):
            for verb, resource in itertools.product(rule["verbs"], rule["resources"]):
                allowed = _BY_NAME_ONLY.get((verb, resource))
                if allowed is None:
                    assert verb != "bind", role
                    continue
                given = set(rule.get("resourceNames") or ())
                assert given, f"{role}: {verb} {resource} on every name"
                assert given <= allowed, f"{role}: {verb} {resource} on {given}"
                seen.add((verb, resource))
    assert seen == set(_BY_NAME_ONLY)


def test_roles_are_bound_to_accounts_of_this_chart_in_its_own_namespace(rendered: All) -> None:
    for r in rendered:
        accounts = {(b["metadata"]["namespace"], b["metadata"]["name"]) for b in r.of("ServiceAccount")}
        roles = {(b["kind"], b["metadata"]["name"]) for b in r.of("ClusterRole", "Role")}
        for binding in r.of("ClusterRoleBinding", "RoleBinding"):
            assert (binding["roleRef"]["kind"], binding["roleRef"]["name"]) in roles, r
            for subject in binding["subjects"]:
                assert subject["kind"] == "ServiceAccount", r
                assert (subject["namespace"], subject["name"]) in accounts, r
        for name, namespace, template in r.pods:
            assert (namespace, template["spec"]["serviceAccountName"]) in accounts, f"{r}: {name}"


def test_the_guard_only_lists_and_exists_only_while_it_runs(rendered: All) -> None:
    for r in rendered:
        guard = [b for b in r.objects if b["metadata"]["name"].endswith("-guard")]
        for body in guard:
            marks = body["metadata"]["annotations"]
            assert marks["helm.sh/hook"] == "pre-delete", r
            assert marks["helm.sh/hook-delete-policy"] == "before-hook-creation,hook-succeeded", r
        verbs = [v for role, rule in _rules(r) if role.endswith("-guard") for v in rule["verbs"]]
        assert set(verbs) <= {"list"}, r
        # A hub keeps no records that could be stranded
        within = [b for b in guard if b["kind"] == "Role"]
        assert bool(within) == (r.chart == "policloud-site" and r.row["rights"] == "on"), r


def test_the_chart_grants_what_the_process_says_it_needs(rendered: All) -> None:
    for chart, role in (("policloud-hub", "hub"), ("policloud-site", "site")):
        r = next(r for r in rendered if r.chart == chart and r.row["rights"] == "on")
        account = "policloud-hub" if role == "hub" else "policloud-site-operator"
        granted = {
            (verb, group, resource, name)
            for body in r.of("ClusterRole", "Role")
            if body["metadata"]["name"] == account
            for rule in body["rules"]
            for verb, group, resource, name in itertools.product(
                rule["verbs"], rule["apiGroups"], rule["resources"], rule.get("resourceNames") or ("",)
            )
        }
        needed = {
            (n.verb, n.group, n.resource + f"/{n.subresource}" * bool(n.subresource), n.name)
            for n in rights_of(role, "x")  # type: ignore[arg-type]
        }
        assert granted == needed
