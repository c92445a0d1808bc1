"""The rights we ask for, read as a security reviewer reads them."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from typing import Any

import pytest
import yaml

_READ = {"get", "list", "watch"}


def _documents(role: str) -> list[dict[str, Any]]:
    text = files("policloud").joinpath("manifests", f"{role}-rbac.yaml").read_text()
    return [document for document in yaml.safe_load_all(text) if document]


def _rules(role: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for document in _documents(role):
        for rule in document.get("rules", ()):
            yield f"{document['kind']} {document['metadata']['name']}", rule


@pytest.mark.parametrize("role", ["hub", "site"])
def test_no_wildcards_and_no_escalation(role: str) -> None:
    for where, rule in _rules(role):
        assert "*" not in {*rule["apiGroups"], *rule["resources"], *rule["verbs"]}, where
        assert not {"escalate", "impersonate"} & {*rule["verbs"]}, where
        if "bind" in rule["verbs"]:
            assert rule["resourceNames"], where


@pytest.mark.parametrize("role", ["hub", "site"])
def test_secrets_are_read_by_name_alone(role: str) -> None:
    for where, rule in _rules(role):
        if "secrets" not in rule["resources"]:
            continue
        assert not {"list", "watch"} & {*rule["verbs"]}, where
        assert rule["verbs"] == ["create"] or rule["resourceNames"], where


@pytest.mark.parametrize("role", ["hub", "site"])
def test_tokens_are_asked_for_one_account_by_name(role: str) -> None:
    for where, rule in _rules(role):
        if "serviceaccounts/token" in rule["resources"]:
            assert len(rule["resourceNames"]) == 1, where


def test_a_site_on_the_hub_has_its_offers_units_and_lease_only() -> None:
    rules = [rule for where, rule in _rules("hub") if where == "ClusterRole policloud-site-member"]
    rights = {
        (resource, verb, tuple(rule.get("resourceNames", ())))
        for rule in rules
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    assert {resource for resource, _, _ in rights} == {
        "workoffers",
        "workoffers/status",
        "policloudunits",
        "policloudunits/status",
        "leases",
    }
    assert {verb for resource, verb, _ in rights if resource == "workoffers"} == _READ
    assert {names for resource, _, names in rights if resource == "leases"} == {("policloud-site",)}


def test_the_hub_writes_no_published_unit() -> None:
    for where, rule in _rules("hub"):
        if where == "ClusterRole policloud-hub" and "policloudunits" in rule["resources"]:
            assert {*rule["verbs"]} == {"list", "watch"}


def test_federated_work_cannot_reach_beyond_workloads() -> None:
    rules = [rule for where, rule in _rules("site") if where == "ClusterRole policloud-federated"]
    resources = {resource for rule in rules for resource in rule["resources"]}
    assert resources == {
        "deployments",
        "jobs",
        "services",
        "persistentvolumeclaims",
        "networkpolicies",
        "virtualmachines",
    }
    bound = [document for document in _documents("site") if document["kind"].endswith("RoleBinding")]
    assert all(subject["name"] != "policloud-federated" for document in bound for subject in document["subjects"])
