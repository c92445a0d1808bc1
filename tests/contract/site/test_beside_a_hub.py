"""Whose workloads are the site's on a cluster with a hub, and under whose name federated ones are carried out."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from policloud.testing.controlplane import ControlPlane, apply_crds
from sitelab import SYSTEM, Lab, SiteThread, thing, workload
from waiting import until

FEDERATED = {"policloud.io/federated": "true", "policloud.io/hub": "policloud-eu"}
RULES = [
    {"apiGroups": ["apps"], "resources": ["deployments"], "verbs": ["*"]},
    {"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["*"]},
    {"apiGroups": [""], "resources": ["services", "persistentvolumeclaims"], "verbs": ["*"]},
    {"apiGroups": ["networking.k8s.io"], "resources": ["networkpolicies"], "verbs": ["*"]},
    {"apiGroups": ["policloud.io"], "resources": ["sovereignworkloads/finalizers"], "verbs": ["update"]},
]


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    traces: Path = tmp_path_factory.mktemp("traces-beside")
    plane = ControlPlane(tmp_path_factory.mktemp("beside"), "beside", ("etcd", "apiserver"))
    plane.start()
    try:
        apply_crds(plane)
        lab = Lab(plane, traces)
        site = SiteThread(plane.kubeconfig, traces, with_hub=True).start()
        try:
            yield lab
        finally:
            site.stop()
    finally:
        plane.remove()


def test_only_local_work_and_federated_work_is_the_sites(lab: Lab) -> None:
    lab.unit("both", "FR-61")
    lab.run("t-hub", "of-the-hub", "FR-61")
    local = workload("t-hub", "of-the-site", "FR-61")
    local["metadata"]["labels"] = {"policloud.io/scope": "local"}
    lab.apply(local)
    until(
        lambda: lab.get("Deployment", "of-the-site-both", "t-hub", "apps/v1") is not None, "local work is carried out"
    )
    assert lab.get("Deployment", "of-the-hub-both", "t-hub", "apps/v1") is None
    theirs = lab.get("SovereignWorkload", "of-the-hub", "t-hub") or {}
    assert not theirs.get("status", {}).get("placements")


def test_federated_work_is_written_under_the_restricted_identity_and_bound_to_its_unit(lab: Lab) -> None:
    lab.unit("bound", "FR-62")
    lab.unit("other", "FR-62")
    space = thing("v1", "Namespace", "fed-t1")
    space["metadata"]["labels"] = FEDERATED
    role = thing("rbac.authorization.k8s.io/v1", "ClusterRole", "policloud-federated", rules=RULES)
    account = thing("v1", "ServiceAccount", "policloud-federated", SYSTEM)
    binding = thing(
        "rbac.authorization.k8s.io/v1",
        "RoleBinding",
        "policloud-federated",
        "fed-t1",
        roleRef={"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "policloud-federated"},
        subjects=[{"kind": "ServiceAccount", "name": "policloud-federated", "namespace": SYSTEM}],
    )
    body = workload("fed-t1", "chat-1a2b3c4d", "FR-62")
    offer = {"offer": "chat-1a2b3c4d", "unit": "bound", "sequence": 7, "hub": "policloud-eu"}
    body["metadata"]["annotations"] = {"policloud.io/offer": json.dumps(offer)}
    lab.apply(space, role, account, binding, body)
    until(lambda: lab.get("Deployment", "chat-1a2b3c4d-bound", "fed-t1", "apps/v1") is not None, "it is carried out")
    places = (lab.get("SovereignWorkload", "chat-1a2b3c4d", "fed-t1") or {})["status"]["placements"]
    assert [(p["unit"], p["replicas"]) for p in places] == [("bound", 2)]

    lab.delete("RoleBinding", "policloud-federated", "fed-t1", "rbac.authorization.k8s.io/v1")
    second = workload("fed-t1", "chat-5e6f7a8b", "FR-62")
    second["metadata"]["annotations"] = {"policloud.io/offer": json.dumps(offer | {"offer": "chat-5e6f7a8b"})}
    lab.apply(second)
    until(
        lambda: lab.reason("fed-t1", "chat-5e6f7a8b") == "TemplateRefused", "without that identity's rights it is not"
    )
    assert "policloud-federated" in lab.condition("SovereignWorkload", "chat-5e6f7a8b", "Stalled", "fed-t1")[2]
    assert lab.get("Deployment", "chat-5e6f7a8b-bound", "fed-t1", "apps/v1") is None
