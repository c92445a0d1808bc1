"""Charts rendered by the real helm in every pairing of their switches, once a run, several at a time."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from pairwise import Row, covering
from policloud.testing.helm import helm

CHARTS: Final = Path(__file__).parents[1] / "charts"
NAMESPACE: Final = "anywhere"
HUB: Final = {
    "hubId": "policloud-eu",
    "apiUrl": "https://api.hub.example.org:6443",
    "identity": {"url": "https://hub.example.org:8443"},
}
JOIN: Final = {
    "hub": {
        "id": "policloud-eu",
        "api": "https://api.hub.example.org:6443",
        "identity": "https://hub.example.org:8443",
        "ca": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
    },
    "membership": "dijon",
    "code": "mfrggzdfmztwq2lk",
}
_MONITORING: Final = ("--api-versions", "monitoring.coreos.com/v1")

# factor → choice → values. Every two factors meet in every way.
_COMMON: Final[Mapping[str, Mapping[str, dict[str, Any]]]] = {
    "crds": {"on": {}, "gone": {"crds": {"keep": False}}, "off": {"crds": {"enabled": False}}},
    "rights": {"on": {}, "no guard": {"uninstall": {"guard": False}},
               "off": {"rbac": {"create": False}, "uninstall": {"guard": False}}},
    "policies": {"on": {}, "off": {"admissionPolicies": {"enabled": False}}},
    "network": {"on": {}, "open": {"networkPolicy": {"metricsFrom": [{"namespaceLabels": {"a": "b"}}]}},
                "off": {"networkPolicy": {"enabled": False}}},
    "image": {"tag": {"image": {"tag": "9.9"}},
              "digest": {"image": {"digest": "sha256:" + "a" * 64, "pullSecrets": ["r"]}}},
    "placed": {"anywhere": {}, "somewhere": {"scheduling": {"nodeSelector": {"a": "b"}, "priorityClassName": "high",
               "tolerations": [{"key": "a", "operator": "Exists", "effect": "NoSchedule"}]}}},
    "marks": {"none": {}, "some": {"pod": {"labels": {"a": "b"}, "annotations": {"a": "b"}},
              "serviceAccount": {"annotations": {"a": "b"}}}},
    "monitor": {"off": {}, "on": {"metrics": {"serviceMonitor": {"enabled": True, "labels": {"a": "b"}}}}},
    "alerts": {"off": {}, "on": {"metrics": {"prometheusRule": {"enabled": True}}}},
    "dashboards": {"off": {}, "on": {"metrics": {"dashboards": {"enabled": True}}}},
    "log": {"json": {}, "text": {"logFormat": "text", "timeScale": 0.1}},
}  # fmt: skip
_HUB: Final[Mapping[str, Mapping[str, dict[str, Any]]]] = {
    "replicas": {"one": {}, "three": {"replicas": 3}},
    "tls": {"generated": {}, "not kept": {"identity": {"tls": {"keep": False}}},
            "own": {"identity": {"tls": {"mode": "secret", "secretName": "own"}}}},
    "service": {"ClusterIP": {}, "NodePort": {"identity": {"service": {"type": "NodePort", "nodePort": 30443}}},
                "LoadBalancer": {"identity": {"service": {"type": "LoadBalancer", "annotations": {"a": "b"},
                                 "loadBalancerSourceRanges": ["192.0.2.0/24"]}}}},
    "sites": {"anywhere": {}, "known": {"networkPolicy": {"identityFrom": ["192.0.2.0/24"]}}},
    "withSite": {"no": {}, "yes": {"withSite": True}},
    "spread": {"on": {}, "off": {"topologySpread": {"enabled": False}}},
    "budget": {"on": {}, "off": {"podDisruptionBudget": {"enabled": False}}},
}  # fmt: skip
_SITE: Final[Mapping[str, Mapping[str, dict[str, Any]]]] = {
    "join": {"alone": {}, "file": {"join": JOIN}, "secret": {"join": {"existingSecret": "own"},
             "networkPolicy": {"hubPorts": [8443]}}},
    "proxy": {"none": {}, "some": {"hubProxy": "http://proxy.example.org:3128"}},
    "power": {"off": {}, "governor": {"governor": {"enabled": True}},
              "both": {"governor": {"enabled": True, "persistence": {"storageClass": "fast"}},
                       "node": {"enabled": True}},
              "given namespace": {"governor": {"enabled": True}, "node": {"enabled": True, "createNamespace": False,
                                  "namespace": "gpu", "runtimeClassName": ""}}},
    "withHub": {"no": {}, "yes": {"withHub": True}},
    "traces": {"none": {}, "some": {"traceConfigMap": "traces", "siteName": "dijon"}},
}  # fmt: skip
FACTORS: Final = {"policloud-hub": {**_COMMON, **_HUB}, "policloud-site": {**_COMMON, **_SITE}}


@dataclass(frozen=True)
class Rendering:
    """`objects`: all but the CRDs, whose texts are `definitions`."""

    chart: str
    row: Row
    values: dict[str, Any]
    text: str
    objects: list[dict[str, Any]] = field(repr=False)
    definitions: list[str] = field(repr=False)

    def __str__(self) -> str:
        return f"{self.chart} " + " ".join(f"{name}={choice}" for name, choice in self.row.items())

    def of(self, *kinds: str) -> list[dict[str, Any]]:
        return [body for body in self.objects if body["kind"] in kinds]

    @property
    def workloads(self) -> list[dict[str, Any]]:
        return self.of("Deployment", "DaemonSet", "Job")

    @property
    def pods(self) -> list[tuple[str, str, dict[str, Any]]]:
        """(name, namespace, template) of everything that makes pods."""
        found = [(b["metadata"], b["spec"]["template"]) for b in self.workloads]
        return [(metadata["name"], metadata["namespace"], template) for metadata, template in found]


def merged(*parts: Mapping[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for part in parts:
        for name, value in part.items():
            both = isinstance(value, Mapping) and isinstance(out.get(name), Mapping)
            out[name] = merged(out[name], value) if both else value
    return out


def template(chart: str, values: Mapping[str, Any], *arguments: str) -> str:
    """What helm makes of it; HelmError if it refuses. JSON is YAML, and never reads a text as a number."""
    command = ("template", "release", str(CHARTS / chart), "--namespace", NAMESPACE, "--values", "-")
    return helm(*command, *arguments, stdin=json.dumps(values))


def rendering(chart: str, row: Row) -> Rendering:
    chosen = [FACTORS[chart][name][choice] for name, choice in row.items()]
    values = merged(HUB if chart == "policloud-hub" else {}, *chosen)
    text = template(chart, values, *_MONITORING)
    documents = text.split("\n---\n")
    definitions = [d for d in documents if "\nkind: CustomResourceDefinition\n" in d]
    rest = "\n---\n".join(d for d in documents if "\nkind: CustomResourceDefinition\n" not in d)
    return Rendering(chart, row, values, text, [d for d in yaml.load_all(rest, yaml.CSafeLoader) if d], definitions)


@functools.cache
def renderings() -> tuple[Rendering, ...]:
    """Every combination of both charts."""
    wanted = [
        (chart, row)
        for chart, factors in FACTORS.items()
        for row in covering({name: list(choices) for name, choices in factors.items()}, strength=2, at_least=32)
    ]
    with ThreadPoolExecutor(4) as pool:
        return tuple(pool.map(lambda one: rendering(*one), wanted))
