"""Values that are wrong are refused with their path; what cannot go together, with what to change."""

from __future__ import annotations

import functools
import json
import re
from typing import Any

import pytest

from policloud.testing.helm import HelmError
from rendered import CHARTS, HUB, JOIN, merged, template

H, S = "policloud-hub", "policloud-site"
MISTYPED: list[tuple[str, dict[str, Any], str, str]] = [
    (H, {"replica": 2}, "''", "additional properties 'replica' not allowed"),
    (H, {"replicas": 0}, "'/replicas'", "minimum: got 0, want 1"),
    (H, {"replicas": "2"}, "'/replicas'", "got string, want integer"),
    (H, {"hubId": "Policloud EU"}, "'/hubId'", "'Policloud EU' does not match pattern"),
    (H, {"apiUrl": "http://api.example.org"}, "'/apiUrl'", "does not match pattern '^(https://"),
    (H, {"identity": {"url": "https://hub.example.org/path"}}, "'/identity/url'", "does not match pattern"),
    (H, {"identity": {"tls": {"mode": "off"}}}, "'/identity/tls/mode'", "one of 'generated', 'secret'"),
    (H, {"identity": {"service": {"type": "Headless"}}}, "'/identity/service/type'", "one of 'ClusterIP'"),
    (H, {"identity": {"service": {"port": 70000}}}, "'/identity/service/port'", "maximum: got 70,000, want 65,535"),
    (H, {"image": {"digest": "sha256:12"}}, "'/image/digest'", "does not match pattern"),
    (H, {"networkPolicy": {"identityFrom": ["everywhere"]}}, "'/networkPolicy/identityFrom/0'", "does not match"),
    (H, {"networkPolicy": {"metricsFrom": [{"namespace": "a"}]}}, "'/networkPolicy/metricsFrom/0'", "'namespace'"),
    (H, {"resources": {"limits": {"memory": "1 GB"}}}, "'/resources/limits/memory'", "does not match pattern"),
    (H, {"resources": {"limits": {"gpu": "1"}}}, "'/resources/limits'", "additional properties 'gpu' not allowed"),
    (H, {"scheduling": {"tolerations": [{"effect": "No"}]}}, "'/scheduling/tolerations/0/effect'", "'NoSchedule'"),
    (H, {"metrics": {"serviceMonitor": {"interval": "30"}}}, "'/metrics/serviceMonitor/interval'", "does not match"),
    (H, {"crds": {"keep": "yes"}}, "'/crds/keep'", "got string, want boolean"),
    (S, {"join": {"cod": "x"}}, "'/join'", "additional properties 'cod' not allowed"),
    (S, {"join": {"hub": {"ca": "MIIB"}}}, "'/join/hub/ca'", "does not match pattern"),
    (S, {"join": {"hub": {"api": "api:6443"}}}, "'/join/hub/api'", "does not match pattern"),
    (S, {"join": {"membership": "x" * 59}}, "'/join/membership'", "maxLength: got 59, want 58"),
    (S, {"hubProxy": "proxy:3128"}, "'/hubProxy'", "does not match pattern"),
    (S, {"replicas": 2}, "''", "additional properties 'replicas' not allowed"),
    (S, {"governor": {"persistence": {"size": "big"}}}, "'/governor/persistence/size'", "does not match pattern"),
    (S, {"node": {"privileged": True}}, "'/node'", "additional properties 'privileged' not allowed"),
]
IMPOSSIBLE: list[tuple[str, dict[str, Any], str]] = [
    (H, {"hubId": ""}, "hubId is missing: give this hub a name that it keeps for ever, as --set hubId=policloud-eu"),
    (H, {"apiUrl": ""}, "apiUrl is missing: give the URL at which sites reach this cluster's API server"),
    (H, {"identity": {"url": ""}}, "identity.url is missing: give the URL at which sites reach the identity endpoint"),
    (H, {"identity": {"tls": {"mode": "secret"}}}, "identity.tls.secretName is empty: name a Secret with tls.crt"),
    (H, {"identity": {"tls": {"secretName": "own"}}}, "secretName is own, and identity.tls.mode is generated"),
    (H, {"identity": {"service": {"nodePort": 30443}}}, "nodePort is 30443, and identity.service.type is ClusterIP"),
    (H, {"identity": {"service": {"loadBalancerSourceRanges": ["192.0.2.0/24"]}}}, "set type to LoadBalancer, or use"),
    (H, {"rbac": {"create": False}}, "rbac.create is false: set uninstall.guard=false"),
    (H, {"metrics": {"serviceMonitor": {"enabled": True}}}, "this cluster does not serve monitoring.coreos.com/v1"),
    (H, {"metrics": {"prometheusRule": {"enabled": True}}}, "metrics.prometheusRule.enabled is true, but this cluster"),
    (S, {"rbac": {"create": False}}, "rbac.create is false: set uninstall.guard=false"),
    (S, {"join": {"code": "abc"}}, "incomplete, without join.hub.api, join.hub.ca, join.hub.id, join.hub.ident"),
    (S, {"join": {"hub": JOIN["hub"], "membership": "dijon"}}, "incomplete, without join.code: give the whole file"),
    (S, {"join": {"existingSecret": "a", "code": "abc"}}, "join.existingSecret is a, and join.code is given too"),
    (S, {"node": {"enabled": True}}, "node.enabled is true, and governor.enabled is false"),
    (
        S,
        {"governor": {"enabled": True}, "node": {"enabled": True, "namespace": "anywhere"}},
        "node.namespace is anywhere, the release's own, which the chart cannot make",
    ),
]


def _refusal(chart: str, values: dict[str, Any], *arguments: str) -> str:
    return _refused(chart, json.dumps(merged(HUB if chart == H else {}, values)), arguments)


@functools.cache
def _refused(chart: str, values: str, arguments: tuple[str, ...]) -> str:
    with pytest.raises(HelmError) as caught:
        template(chart, json.loads(values), *arguments)
    return str(caught.value)


@pytest.mark.parametrize(("chart", "values", "path", "why"), MISTYPED, ids=lambda v: v if isinstance(v, str) else "")
def test_a_wrong_value_is_refused_with_its_path(chart: str, values: dict[str, Any], path: str, why: str) -> None:
    said = _refusal(chart, values)
    assert why in said[said.index(f"- at {path}: ") :]


@pytest.mark.parametrize(("chart", "values", "why"), IMPOSSIBLE, ids=lambda v: v[:30] if isinstance(v, str) else "")
def test_what_cannot_go_together_is_refused_with_what_to_change(chart: str, values: dict[str, Any], why: str) -> None:
    assert why in _refusal(chart, values)


def test_every_refusal_of_the_templates_is_tried() -> None:
    templates = "".join(path.read_text() for path in CHARTS.rglob("*.tpl"))
    texts = {json.loads(found) for found in re.findall(r"fail \(?(?:printf )?(\"(?:[^\"\\]|\\.)*\")", templates)}
    assert len(texts) == len(set(re.findall(r"{{- fail .*", templates))) == 14
    said = [_refusal(chart, values) for chart, values, _ in IMPOSSIBLE]
    said.append(_refusal(H, {}, "--namespace", "site-dijon"))
    for text in texts:
        pattern = re.compile(".*".join(map(re.escape, re.split("%[sv]", text))))
        assert any(pattern.search(one) for one in said), text


def test_a_namespace_of_a_site_is_refused() -> None:
    assert "names that begin with site- belong to the sites of a hub" in _refusal(H, {}, "--namespace", "site-dijon")


@pytest.mark.parametrize("chart", [H, S])
def test_an_old_cluster_is_refused(chart: str) -> None:
    said = _refusal(chart, {}, "--kube-version", "1.31.4")
    assert "chart requires kubeVersion: >=1.33.0-0 which is incompatible with Kubernetes v1.31.4" in said


@pytest.mark.parametrize("chart", [H, S])
def test_the_schema_is_closed_and_documented_at_every_level(chart: str) -> None:
    schema = json.loads((CHARTS / chart / "values.schema.json").read_text())
    for node in (schema, *schema["$defs"].values()):
        assert node["additionalProperties"] is False
        for name, inner in node["properties"].items():
            assert inner.get("description") or "$ref" in inner, name
            opened = inner.get("type") == "object" and inner.get("additionalProperties") is None
            assert not opened or name == "global", name


def test_a_chart_within_a_chart_gets_helms_globals() -> None:
    assert template(S, {"global": {"anything": 1}})


def test_a_values_file_of_an_invitation_is_taken_as_it_is() -> None:
    assert "policloud-join" in template(S, {"join": JOIN})
