"""Workloads become pods on a real scheduler; what is wrong with them becomes a condition."""

from sitelab import Lab, thing, workload
from waiting import until


def test_an_inference_service_becomes_ready_pods_on_its_unit_with_gpus_injected(lab: Lab) -> None:
    lab.unit("serve", "FR-31")
    lab.run(
        "t-serve", "svc", "FR-31", inference={"replicas": 3, "port": 8000}, sovereignty={"egress": {"policy": "Deny"}}
    )
    until(lambda: lab.condition("SovereignWorkload", "svc", "Ready", "t-serve")[0] == "True", "it is ready")
    pods = lab.pods("t-serve", "svc")
    assert len(pods) == 3
    spec = pods[0]["spec"]
    assert spec["nodeName"] == "serve-n0"
    assert spec["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert lab.get("Service", "svc", "t-serve", "v1") is not None
    policy = lab.get("NetworkPolicy", "svc-egress", "t-serve", "networking.k8s.io/v1")
    assert policy is not None
    assert policy["spec"]["policyTypes"] == ["Egress"]
    status = (lab.get("SovereignWorkload", "svc", "t-serve") or {})["status"]
    assert [(p["unit"], p["replicas"], p["readyReplicas"], p["state"]) for p in status["placements"]] == [
        ("serve", 3, 3, "Running")
    ]
    assert status["watts"] == 3 * 350
    assert lab.condition("SovereignWorkload", "svc", "Stalled", "t-serve")[0] == "False"
    assert lab.condition("SovereignWorkload", "svc", "Reconciling", "t-serve")[0] == "False"


def test_replicas_follow_an_edit_and_deletion_takes_everything_but_the_data(lab: Lab) -> None:
    lab.unit("edit", "FR-32", storage=[{"class": "fast", "capacityGiB": 100, "encryptedAtRest": True}])
    volume = {"name": "records", "sizeGiB": 1, "mountPath": "/data"}
    lab.run("t-edit", "svc", "FR-32", inference={"replicas": 1})
    lab.run("t-edit", "keeper", "FR-32", storage=[volume], inference={"replicas": 1})
    until(lambda: len(lab.pods("t-edit", "svc")) == 1, "one pod")
    lab.patch("SovereignWorkload", "svc", {"spec": {"inference": {"replicas": 4}}}, "t-edit")
    until(lambda: len(lab.pods("t-edit", "svc")) == 4, "four pods")
    lab.patch("SovereignWorkload", "svc", {"spec": {"inference": {"replicas": 2}}}, "t-edit")
    until(lambda: len(lab.pods("t-edit", "svc")) == 2, "two pods")
    until(lambda: lab.get("PersistentVolumeClaim", "keeper-records", "t-edit", "v1") is not None, "a claim is made")
    for name in ("svc", "keeper"):
        lab.delete("SovereignWorkload", name, "t-edit")
    until(lambda: not lab.all("/apis/apps/v1/namespaces/t-edit/deployments"), "deployments go with it", 60)
    until(lambda: not lab.pods("t-edit", "svc"), "and pods")
    claim = lab.get("PersistentVolumeClaim", "keeper-records", "t-edit", "v1")
    assert claim is not None
    assert claim["spec"]["storageClassName"] == "fast"


def test_a_template_that_names_another_count_of_gpus_is_a_conflict(lab: Lab) -> None:
    lab.unit("conflict", "FR-33")
    body = workload("t-conflict", "svc", "FR-33")
    container = body["spec"]["inference"]["template"]["spec"]["containers"][0]
    container["resources"] = {"limits": {"nvidia.com/gpu": "4"}}
    lab.apply(thing("v1", "Namespace", "t-conflict"), body)
    until(lambda: lab.reason("t-conflict", "svc") == "TemplateConflict", "it is Stalled")
    status, _, message = lab.condition("SovereignWorkload", "svc", "Stalled", "t-conflict")
    assert status == "True"
    assert "asks for 4 nvidia.com/gpu" in message
    assert "gpu.perReplica says 1" in message
    assert lab.granted("t-conflict", "svc") == 0
    container["resources"] = {}
    lab.apply(body)
    until(lambda: lab.reason("t-conflict", "svc") == "Running", "an edit mends it")


def test_a_template_that_the_api_server_refuses_is_quoted_and_not_retried_in_a_storm(lab: Lab) -> None:
    lab.unit("refuse", "FR-34")
    body = workload("t-refuse", "svc", "FR-34")
    body["spec"]["inference"]["template"]["spec"]["containers"][0]["name"] = "Not_A_Name"
    lab.apply(thing("v1", "Namespace", "t-refuse"), body)
    lab.run("t-refuse", "other", "FR-34")
    until(lambda: lab.reason("t-refuse", "svc") == "TemplateRefused", "it is Stalled")
    assert "Not_A_Name" in lab.condition("SovereignWorkload", "svc", "Stalled", "t-refuse")[2]
    until(lambda: lab.reason("t-refuse", "other") == "Running", "a broken one does not stop the others")
    before = _version(lab, "t-refuse", "svc")
    lab.run("t-refuse", "third", "FR-34")
    until(lambda: lab.reason("t-refuse", "third") == "Running", "time passes")
    assert _version(lab, "t-refuse", "svc") == before, "nothing is written again and again"


def test_a_name_that_is_taken_is_not_taken_over(lab: Lab) -> None:
    lab.unit("taken", "FR-35")
    service = thing("v1", "Service", "svc", "t-taken", spec={"ports": [{"port": 80}], "selector": {"app": "else"}})
    lab.apply(thing("v1", "Namespace", "t-taken"), service)
    lab.run("t-taken", "svc", "FR-35", inference={"port": 8000})
    until(lambda: lab.reason("t-taken", "svc") == "TemplateConflict", "it is Stalled")
    kept = lab.get("Service", "svc", "t-taken", "v1")
    assert kept is not None
    assert kept["spec"]["selector"] == {"app": "else"}


def test_a_batch_runs_its_completions_and_gives_its_gpus_back(lab: Lab) -> None:
    lab.unit("batch", "FR-36")
    quick = {"metadata": {"annotations": {"policloud.io/simulated-seconds": "1"}}}
    quick["spec"] = {"containers": [{"name": "run", "image": "registry.example.org/run:1"}]}
    job = {"completions": 3, "parallelism": 2, "template": quick}
    lab.run("t-batch", "job", "FR-36", **{"class": "Batch", "batch": job})
    until(lambda: lab.reason("t-batch", "job") == "Completed", "it completes", 40)
    status = (lab.get("SovereignWorkload", "job", "t-batch") or {})["status"]
    assert status["batch"] == {"succeeded": 3, "failed": 0, "active": 0}
    assert lab.condition("SovereignWorkload", "job", "Ready", "t-batch")[0] == "True"
    assert status["replicas"] == 0
    assert status["usage"]["gpuSeconds"] > 0


def test_a_law_that_no_unit_meets_is_explained(lab: Lab) -> None:
    lab.unit("lawful", "FR-37")
    lab.run("t-law", "svc", "FR-37", sovereignty={"operator": {"allow": ["US"]}})
    until(lambda: lab.reason("t-law", "svc") == "NoUnitAllowed", "it waits")
    decision = (lab.get("SovereignWorkload", "svc", "t-law") or {})["status"]["decision"]
    mine = next(u for u in decision["units"] if u["unit"] == "lawful")
    assert (mine["verdict"], mine["reason"]) == ("Never", "OperatorNotAllowed")


def test_egress_denied_needs_a_network_plugin_that_enforces(lab: Lab) -> None:
    lab.unit("leaky", "FR-38", networkPolicy="None")
    lab.run("t-leaky", "svc", "FR-38", sovereignty={"egress": {"policy": "Deny"}})
    until(lambda: lab.reason("t-leaky", "svc") == "NoUnitAllowed", "it is refused")
    decision = (lab.get("SovereignWorkload", "svc", "t-leaky") or {})["status"]["decision"]
    assert next(u for u in decision["units"] if u["unit"] == "leaky")["reason"] == "EgressNotEnforced"


def test_a_resource_quota_of_the_namespace_bounds_its_gpus(lab: Lab) -> None:
    lab.unit("quota", "FR-39")
    quota = thing("v1", "ResourceQuota", "gpus", "t-quota", spec={"hard": {"requests.nvidia.com/gpu": "3"}})
    lab.apply(thing("v1", "Namespace", "t-quota"), quota)
    lab.run("t-quota", "svc", "FR-39", inference={"replicas": 5})
    until(lambda: lab.granted("t-quota", "svc") == 3, "three are granted")
    until(lambda: "ResourceQuota" in lab.condition("SovereignWorkload", "svc", "Ready", "t-quota")[2], "it says why")


def _version(lab: Lab, namespace: str, name: str) -> str:
    body = lab.get("SovereignWorkload", name, namespace)
    assert body is not None
    return str(body["metadata"]["resourceVersion"])
