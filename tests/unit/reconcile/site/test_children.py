"""What a workload becomes: names, GPUs, binding to the unit, storage, and what is refused."""

from typing import Any

import pytest

from policloud.reconcile.site.children import children, job_name
from policloud.reconcile.site.marks import mark, unmark
from policloud.reconcile.site.nodes import Claimed
from policloud.reconcile.site.placements import Placement
from policloud.reconcile.site.specs import UnitSpec, WorkloadSpec, unit_spec, workload_spec
from policloud.reconcile.site.templates import TemplateConflictError, check, template_hash, workload_label
from sitelab import PRODUCT, Body, node, unit, workload


def _unit(**spec: Any) -> UnitSpec:
    return unit_spec(unit("u", "FR-01", **spec))


def _work(**spec: Any) -> WorkloadSpec:
    body = workload("t", "w", "FR-01", **spec)
    body["metadata"] |= {"uid": "uid-w", "generation": 1}
    return workload_spec(body)


def _made(work: WorkloadSpec, replicas: int = 2, of: UnitSpec | None = None, done: int = 0) -> dict[str, Body]:
    chosen = of or _unit()
    placed = [Placement("local", chosen.name, replicas)]
    return {c.resource.kind: c.body for c in children(work, placed, {chosen.name: chosen}, done=done)}


def test_pods_are_bound_to_the_unit_and_to_products_that_are_accepted() -> None:
    spec = _made(_work())["Deployment"]["spec"]["template"]["spec"]
    assert spec["nodeSelector"] == {"policloud.io/unit": "u"}
    assert spec["tolerations"] == [
        {"key": "policloud.io/gpu", "operator": "Equal", "value": "u", "effect": "NoSchedule"}
    ]
    required = spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    expression = {"key": "policloud.io/gpu-product", "operator": "In", "values": [PRODUCT]}
    assert required["nodeSelectorTerms"] == [{"matchExpressions": [expression]}]
    assert spec["containers"][0]["resources"]["limits"] == {"nvidia.com/gpu": "1"}
    assert spec["automountServiceAccountToken"] is False


def test_the_tenants_own_alternatives_each_get_the_demand_added() -> None:
    template = {"spec": {"containers": [{"name": "main", "image": "i"}], "affinity": {}}}
    own = [{"key": "disk", "operator": "Exists"}]
    template["spec"]["affinity"] = {  # type: ignore[index]
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [{"matchExpressions": own}, {"matchFields": []}]
            }
        }
    }
    made = _made(_work(inference={"template": template}))["Deployment"]["spec"]["template"]["spec"]["affinity"]
    terms = made["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert [len(t["matchExpressions"]) for t in terms] == [2, 1]


def test_deployments_never_surge() -> None:
    assert _made(_work())["Deployment"]["spec"]["strategy"]["rollingUpdate"]["maxSurge"] == 0


def test_a_suspended_batch_keeps_its_job_and_a_moved_one_goes_on_with_what_is_left() -> None:
    work = _work(**{"class": "Batch", "batch": {"completions": 10, "checkpoint": {"noticeSeconds": 90}}})
    stopped, moved = _made(work, 0)["Job"], _made(work, 2, done=4)["Job"]
    assert stopped["spec"]["suspend"] is True
    assert (moved["spec"]["suspend"], moved["spec"]["parallelism"], moved["spec"]["completions"]) == (False, 2, 6)
    assert moved["spec"]["podReplacementPolicy"] == "Failed"
    assert moved["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] == 90
    assert moved["metadata"]["name"] == job_name(work, "u")


def test_a_job_is_another_one_when_what_it_cannot_change_changes() -> None:
    batch = {"class": "Batch", "batch": {"completions": 10}}
    assert template_hash(_work(**batch)) == template_hash(_work(**batch, priority=7))
    assert template_hash(_work(**batch)) != template_hash(_work(**batch, gpu={"perReplica": 2}))


def test_claims_have_no_owner_and_lie_where_the_law_wants_them() -> None:
    storage = [
        {"class": "plain", "capacityGiB": 100},
        {"class": "safe", "capacityGiB": 100, "encryptedAtRest": True},
    ]
    volume = {"name": "records", "sizeGiB": 5, "mountPath": "/data"}
    law = {"data": {"classification": "Health", "encryptedAtRest": True}}
    made = _made(_work(storage=[volume], sovereignty=law), of=_unit(storage=storage))
    claim = made["PersistentVolumeClaim"]
    assert "ownerReferences" not in claim["metadata"]
    assert claim["spec"]["storageClassName"] == "safe"
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"], "two replicas share it"
    spec = made["Deployment"]["spec"]["template"]["spec"]
    assert spec["volumes"] == [{"name": "records", "persistentVolumeClaim": {"claimName": "w-records"}}]
    assert spec["containers"][0]["volumeMounts"] == [{"name": "records", "mountPath": "/data"}]


def test_everything_but_claims_belongs_to_the_workload() -> None:
    work = _work(inference={"port": 80}, sovereignty={"egress": {"policy": "Deny"}})
    made = _made(work)
    assert set(made) == {"Deployment", "Service", "NetworkPolicy"}
    assert all(b["metadata"]["ownerReferences"][0]["uid"] == "uid-w" for b in made.values())


@pytest.mark.parametrize("named", ["2", "8"])
def test_another_count_of_gpus_in_the_template_is_a_conflict(named: str) -> None:
    container = {"name": "main", "image": "i", "resources": {"limits": {"nvidia.com/gpu": named}}}
    with pytest.raises(TemplateConflictError, match=f"asks for {named} nvidia.com/gpu, gpu.perReplica says 1"):
        check(_work(inference={"template": {"spec": {"containers": [container]}}}))


def test_the_same_count_written_twice_is_fine_and_an_empty_template_is_not() -> None:
    container = {"name": "main", "image": "i", "resources": {"limits": {"nvidia.com/gpu": 1}}}
    check(_work(inference={"template": {"spec": {"containers": [container]}}}))
    with pytest.raises(TemplateConflictError, match=r"containers is empty"):
        check(_work(inference={"template": {"spec": {}}}))


def test_long_names_are_cut_and_stay_different() -> None:
    first, second = workload_label("a" * 80 + "x"), workload_label("a" * 80 + "y")
    assert len(first) == 63
    assert first != second
    assert workload_label("short") == "short"


def test_marks_come_off_without_taking_what_others_put_there() -> None:
    body = node("n", "u", ready=True)
    body["metadata"] |= {"resourceVersion": "1"}
    body["metadata"]["labels"]["policloud.io/pool"] = "by-hand"
    body["spec"] = {"taints": [{"key": "maintenance", "effect": "NoExecute"}]}
    patch = mark(Claimed(body, "u", _unit().pools[0]), closed=True)
    assert patch is not None
    assert "policloud.io/pool" not in patch["metadata"]["labels"], "a label of theirs is not overwritten"
    marked = {
        "metadata": {
            **body["metadata"],
            "labels": {**body["metadata"]["labels"], **patch["metadata"]["labels"]},
            "annotations": patch["metadata"]["annotations"],
        },
        "spec": patch["spec"],
    }
    assert [t["key"] for t in marked["spec"]["taints"]] == [
        "maintenance",
        "policloud.io/gpu",
        "policloud.io/branch-full",
    ]
    assert mark(Claimed(marked, "u", _unit().pools[0]), closed=True) is None, "once is enough"
    off = unmark(marked)
    assert off is not None
    assert off["metadata"]["labels"] == {"policloud.io/unit": None, "policloud.io/gpu-product": None}
    assert off["spec"]["taints"] == [{"key": "maintenance", "effect": "NoExecute"}]
