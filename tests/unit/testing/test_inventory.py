"""Comparing a cluster before and after: what a removal could leave behind is told, what servers count up is not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from e2elab import inventory

_NODE: dict[str, Any] = {
    "kind": "Node",
    "metadata": {"name": "one", "uid": "u1", "resourceVersion": "1", "labels": {"a": "b"}},
    "spec": {"taints": [{"key": "x"}]},
    "status": {"phase": "Ready"},
}
_LEASE = {"kind": "Lease", "metadata": {"name": "one", "namespace": "kube-node-lease", "uid": "u2"}, "spec": {"at": 1}}


class _Shown:
    """A cluster of which only kubectl's answers matter here."""

    name = "shown"

    def __init__(self, *items: dict[str, Any]) -> None:
        self._items = items

    def kubectl(self, command: str, *_: str) -> str:
        return "nodes\nevents" if command == "api-resources" else json.dumps({"items": self._items})


def _of(*items: dict[str, Any]) -> inventory.Inventory:
    return inventory.of(_Shown(*items))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("part", "value", "said"),
    [
        ("metadata", {"labels": {"a": "b", "c": "d"}}, "Node -/one: metadata.labels.c was '(none)', is 'd'"),
        ("metadata", {"labels": {}}, "Node -/one: metadata.labels.a was 'b', is '(none)'"),
        ("metadata", {"annotations": {"k": "v"}}, "Node -/one: metadata.annotations was '(none)', is {'k': 'v'}"),
        ("metadata", {"finalizers": ["f"]}, "Node -/one: metadata.finalizers was '(none)', is ['f']"),
        ("metadata", {"uid": "u9"}, "Node -/one: metadata.uid was 'u1', is 'u9'"),
        ("spec", {"taints": []}, "Node -/one: spec.taints was [{'key': 'x'}], is []"),
    ],
    ids=["label", "label taken off", "annotation", "finalizer", "made anew", "taint"],
)
def test_each_change_of_an_object_that_stays_is_told(part: str, value: dict[str, Any], said: str) -> None:
    changed = _NODE | {part: {**_NODE[part], **value}}
    assert inventory.changes(_of(_NODE), _of(changed)) == [said]


def test_what_came_and_what_went_is_told() -> None:
    other = _NODE | {"metadata": {"name": "two", "uid": "u3"}}
    assert inventory.changes(_of(_NODE), _of(other)) == ["Node -/one: gone", "Node -/two: new"]


def test_signs_of_life_are_no_change() -> None:
    later = _NODE | {"metadata": {**_NODE["metadata"], "resourceVersion": "7", "generation": 2}, "status": {}}
    beat = _LEASE | {"spec": {"at": 2}}
    assert inventory.changes(_of(_NODE, _LEASE), _of(later, beat)) == []
    ours = _LEASE | {"metadata": {**_LEASE["metadata"], "namespace": "site-dijon"}}
    assert inventory.changes(_of(_NODE), _of(_NODE, ours)) == ["Lease site-dijon/one: new"]


def test_a_pod_of_the_clusters_own_may_move_and_nobody_elses() -> None:
    dns: dict[str, Any] = {"kind": "Pod", "metadata": {"name": "dns-1", "namespace": "kube-system", "uid": "u4"}}
    moved = dns | {"metadata": {**dns["metadata"], "name": "dns-2", "uid": "u5"}}
    web = dns | {"metadata": {"name": "web", "namespace": "default", "uid": "u6"}}
    assert inventory.changes(_of(dns), _of(moved, web)) == ["Pod default/web: new"]
