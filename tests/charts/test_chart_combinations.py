"""Every two switches in every way: what holds in all of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from pairwise import covered
from podsecurity import containers, violations
from policloud.api import names
from policloud.hub.identity.setup import NONCE_SECRET
from policloud.hub.info import HUB_INFO
from policloud.reconcile.hub.codes import CODE_SECRET
from policloud.reconcile.hub.term import HUB_TERM
from policloud.site.remembered import KEY_SECRET, LINK_RECORD
from rendered import CHARTS, FACTORS, NAMESPACE, Rendering

All = tuple[Rendering, ...]


def test_every_pair_of_choices_is_among_them(rendered: All) -> None:
    assert len(rendered) >= 60
    for chart, factors in FACTORS.items():
        seen = set().union(*(covered(r.row, 2) for r in rendered if r.chart == chart))
        for one in factors:
            for other in (name for name in list(factors)[list(factors).index(one) + 1 :]):
                assert {((one, a), (other, b)) for a in factors[one] for b in factors[other]} <= seen


def test_pods_are_restricted_but_for_the_node_agents_listed_exceptions(rendered: All) -> None:
    readme = (CHARTS / "policloud-site" / "README.md").read_text()
    listed = re.findall(r"^\| `([^`]+)`", re.split(r"<!-- exceptions:\w+ -->", readme)[1], re.MULTILINE)
    allowed = {text.replace("[", "").replace("]", "") for text in listed} | {"runAsNonRoot: false"}
    seen: set[str] = set()
    for r in rendered:
        for name, _, template in r.pods:
            found = set(violations(template["spec"]))
            if name == "policloud-node":
                seen |= found
            else:
                assert not found, f"{r}: {name}"
    assert seen == allowed


def test_the_check_of_pod_security_finds_what_is_wrong() -> None:
    security = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "runAsNonRoot": True}
    good: dict[str, Any] = {
        "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [{"name": "a", "securityContext": security}],
    }
    assert violations(good) == []
    assert violations({**good, "hostNetwork": True}) == ["hostNetwork: true"]
    assert violations({**good, "volumes": [{"name": "a", "hostPath": {"path": "/x"}}]}) == ["hostPath /x"]
    assert violations({**good, "initContainers": [{"name": "b"}]}) == [
        "allowPrivilegeEscalation: true",
        "runAsNonRoot: false",
        "capabilities.drop lacks ALL",
    ]
    assert violations({**good, "securityContext": {}}) == ["seccompProfile missing"]


def test_containers_have_requests_a_memory_limit_and_one_image(rendered: All) -> None:
    for r in rendered:
        images = set()
        for name, _, template in r.pods:
            for container in containers(template["spec"]):
                images.add(container["image"])
                assert {"cpu", "memory"} <= set(container["resources"]["requests"]), f"{r}: {name}"
                assert container["resources"]["limits"]["memory"], f"{r}: {name}"
        assert len(images) == 1, r
        assert ("@sha256:" in images.pop()) == (r.row["image"] == "digest"), r


def test_every_pod_is_behind_exactly_one_network_policy(rendered: All) -> None:
    for r in rendered:
        policies = r.of("NetworkPolicy")
        assert bool(policies) == (r.row["network"] != "off"), r
        for name, namespace, template in r.pods if policies else ():
            labels = template["metadata"]["labels"]
            over = [p for p in policies if p["metadata"]["namespace"] == namespace and _selects(p["spec"], labels)]
            assert len(over) == 1, f"{r}: {name}"
            assert over[0]["spec"]["policyTypes"] == ["Ingress", "Egress"], f"{r}: {name}"
            assert all(rule.get("ports") for rule in over[0]["spec"]["egress"]), f"{r}: {name} may reach every port"
            ports = {p["name"] for c in containers(template["spec"]) for p in c.get("ports") or ()}
            opened = {p["port"] for rule in over[0]["spec"].get("ingress") or () for p in rule["ports"]}
            assert opened == ports, f"{r}: {name}"


def _selects(spec: dict[str, Any], labels: dict[str, str]) -> bool:
    selector = spec["podSelector"]
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(labels.get(e["key"]) in e["values"] for e in selector.get("matchExpressions") or ())


def test_pods_tolerate_the_taints_that_the_site_sets(rendered: All) -> None:
    ours = {names.GPU_TAINT, names.BRANCH_TAINT, names.UNCAPPED_TAINT}
    for r in rendered:
        for name, _, template in r.pods:
            tolerated = {t.get("key") for t in template["spec"]["tolerations"] if t["operator"] == "Exists"}
            assert ours <= tolerated, f"{r}: {name}"
            if r.row["placed"] == "somewhere" and name not in ("policloud-node", "policloud-governor"):
                assert "a" in tolerated, f"{r}: {name}"


def test_services_lead_to_pods_and_ports_that_are_there(rendered: All) -> None:
    for r in rendered:
        for service in r.of("Service"):
            behind = [t for _, _, t in r.pods if service["spec"]["selector"].items() <= t["metadata"]["labels"].items()]
            assert len(behind) == 1, f"{r}: {service['metadata']['name']}"
            ports = {p["name"] for c in containers(behind[0]["spec"]) for p in c["ports"]}
            assert {p["targetPort"] for p in service["spec"]["ports"]} <= ports, r
        for monitor in r.of("ServiceMonitor"):
            wanted = monitor["spec"]["selector"]["matchLabels"].items()
            chosen = [s for s in r.of("Service") if wanted <= s["metadata"]["labels"].items()]
            assert [s["metadata"]["name"].endswith("-probe") for s in chosen] == [True], r


def test_budget_and_spread_come_with_replicas(rendered: All) -> None:
    for r in (r for r in rendered if r.chart == "policloud-hub"):
        many = r.row["replicas"] == "three"
        assert bool(r.of("PodDisruptionBudget")) == (many and r.row["budget"] == "on"), r
        spec = r.of("Deployment")[0]["spec"]["template"]["spec"]
        assert ("topologySpreadConstraints" in spec) == (many and r.row["spread"] == "on"), r


def test_what_is_off_is_not_there(rendered: All) -> None:
    for r in rendered:
        assert bool(r.definitions) == (r.row["crds"] != "off"), r
        assert len(r.definitions) in (0, 6), r
        assert all(("helm.sh/resource-policy: keep" in d) == (r.row["crds"] == "on") for d in r.definitions), r
        assert bool(r.of("ClusterRole", "Role")) == (r.row["rights"] != "off"), r
        assert bool(r.of("ValidatingAdmissionPolicy")) == (r.row["policies"] == "on"), r
        assert bool(r.of("ServiceMonitor")) == (r.row["monitor"] == "on"), r
        assert bool(r.of("PrometheusRule")) == (r.row["alerts"] == "on"), r
        assert bool(r.of("ConfigMap")) == (r.row["dashboards"] == "on"), r
        guards = [b for b in r.of("Job") if b["metadata"]["name"].endswith("-guard")]
        assert bool(guards) == (r.row["rights"] == "on"), r
        assert not r.of("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration", "APIService"), r


def test_no_object_is_one_that_a_controller_writes(rendered: All) -> None:
    # Helm applies on the server's side: what two write, neither can upgrade
    written = {
        ("ConfigMap", HUB_INFO),
        ("ConfigMap", HUB_TERM),
        ("ConfigMap", LINK_RECORD),
        ("Secret", NONCE_SECRET),
        ("Secret", KEY_SECRET),
        ("Secret", CODE_SECRET),
    }
    for r in rendered:
        for body in r.objects:
            where = f"{r}: {body['kind']} {body['metadata']['name']}"
            assert (body["kind"], body["metadata"]["name"]) not in written, where
            assert body["kind"] not in ("Lease", "Node", "Event", "Pod"), where
            assert not body["apiVersion"].startswith(names.PREFIX), where
            assert "status" not in body, where
            assert not {"finalizers", "ownerReferences", "managedFields"} & set(body["metadata"]), where
            if body["kind"] == "Namespace":
                assert not body["metadata"]["name"].startswith(names.SITE_NAMESPACE_PREFIX), where
        assert not any("\nstatus:" in d or "caBundle" in d for d in r.definitions), r


def test_names_fit_their_namespace_and_are_there_once(rendered: All) -> None:
    cluster_wide = ("ClusterRole", "ClusterRoleBinding", "Namespace")
    for r in rendered:
        keys = [(b["kind"], b["metadata"].get("namespace"), b["metadata"]["name"]) for b in r.objects]
        assert len(keys) == len(set(keys)), r
        for kind, namespace, name in keys:
            if kind in cluster_wide or kind.startswith("ValidatingAdmission"):
                assert namespace is None, f"{r}: {kind} {name}"
            else:
                node = "policloud-node" if r.row.get("power") == "both" else "gpu"
                assert namespace == (node if name == "policloud-node" else NAMESPACE), f"{r}: {kind} {name}"
            assert names.SYSTEM_NAMESPACE not in str(name)
        assert names.SYSTEM_NAMESPACE not in "".join(map(str, r.objects)), r


@pytest.mark.parametrize("chart", FACTORS)
def test_every_file_of_the_chart_is_text(chart: str) -> None:
    for path in (CHARTS / chart).rglob("*"):
        assert path.is_dir() or path.stat().st_size < 200 * 1024, path
        assert path.is_dir() or path.suffix in {".yaml", ".tpl", ".json", ".md", ".txt"}, path
    assert not (CHARTS / chart / "crds").exists(), "what lies there is never upgraded"
    assert Path(CHARTS / chart / "README.md").is_file()
