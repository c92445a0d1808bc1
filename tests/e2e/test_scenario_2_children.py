"""All that may belong to a workload comes with it, changes with it and goes with it; data alone stays."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from e2elab import objects
from e2elab.cluster import Body, Cluster
from e2elab.fleet import Fleet
from e2elab.objects import TENANT
from e2elab.state import get, listed, until

_KINDS = ("Deployment", "Job", "NetworkPolicy", "PersistentVolumeClaim", "Service")


@pytest.mark.parametrize("whose", ["the tenant's", "the owner's"])
def test_children_come_change_and_go_with_their_workload(federation: Fleet, whose: str) -> None:
    """Of the hub's tenant, by the restricted identity in a namespace of its own; of the site's owner, by the site's."""
    site = federation.sites["cannes"]
    made_by: Callable[[Body], Body] = objects.local if whose == "the owner's" else dict
    there = site if whose == "the owner's" else federation.hub
    image = federation.ours.image
    desk = made_by(objects.service("desk", at=["cannes"], image=image))
    sums = made_by(objects.batch("sums", at=["cannes"], image=image))
    there.kubectl("apply", "-f", "-", input=objects.stream(objects.namespace(TENANT), desk, sums))
    until(lambda: [*_children(site)] == [*_KINDS], 60, what="all children are there", seen=lambda: _children(site))
    (job,) = _children(site)["Job"]

    _edit(there, "desk", {"inference": {"port": None}, "sovereignty": {"egress": {"policy": "Allow"}}})
    _edit(there, "sums", {"batch": {"template": {"metadata": {"labels": {"edition": "second"}}}}})

    def changed() -> bool:
        found = _children(site)
        return [*found] == ["Deployment", "Job", "PersistentVolumeClaim"] and job not in found["Job"]

    what = "Service and NetworkPolicy are gone, and another Job has taken over"
    until(changed, 60, what=what, seen=lambda: _children(site))
    there.kubectl("delete", "swl", "desk", "sums", "-n", TENANT, "--timeout=60s")
    only_data = ["PersistentVolumeClaim"]
    until(lambda: [*_children(site)] == only_data, 60, what="only data is left", seen=lambda: _children(site))
    (claim,) = listed(site, "persistentvolumeclaims", "-l", "policloud.io/workload")
    meta, volume = claim["metadata"], claim["spec"]["volumeName"]
    site.kubectl("delete", "pvc", meta["name"], "-n", meta["namespace"], "--timeout=60s")
    site.kubectl("delete", "pv", volume, "--ignore-not-found", "--timeout=60s")


def _children(site: Cluster) -> dict[str, list[str]]:
    """UIDs by kind, kinds in alphabetical order."""
    uids: dict[str, list[str]] = {}
    for body in listed(site, ",".join(_KINDS), "-l", "policloud.io/workload"):
        uids.setdefault(body["kind"], []).append(body["metadata"]["uid"])
    return dict(sorted(uids.items()))


def _edit(there: Cluster, name: str, spec: Body) -> None:
    assert get(there, "swl", name, TENANT) is not None
    there.kubectl("patch", "swl", name, "-n", TENANT, "--type=merge", "-p", json.dumps({"spec": spec}))
