"""Sections that both charts have."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from policloud.chartgen.values.base import Duration, OptionalObjectName, Port, Quantity, Section, Texts


class Image(Section):
    """The one image of all processes."""

    repository: Annotated[str, Field(min_length=1, pattern=r"^[a-z0-9][a-z0-9._/:-]*$")] = (
        "policloud/policloud-operator"
    )
    """Image without tag, with the registry's host if it is not the container runtime's default."""
    tag: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{0,128}$")] = ""
    """Tag. Empty: the chart's appVersion."""
    digest: Annotated[str, Field(pattern=r"^(sha256:[0-9a-f]{64})?$")] = ""
    """Digest; goes before the tag."""
    pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    """When the kubelet pulls it."""
    pull_secrets: list[Annotated[str, Field(min_length=1, max_length=253)]] = Field(default_factory=list)
    """Names of Secrets in the release's namespace with credentials for the registry."""


class Crds(Section):
    """The six CustomResourceDefinitions. One release of a cluster owns them."""

    enabled: bool = True
    """Install and upgrade them with this release. False where the other chart's release owns them."""
    keep: bool = True
    """Leave them, and with them every object, when the release is uninstalled."""


class Rbac(Section):
    """Roles and bindings."""

    create: bool = True
    """Make them. False: apply the manifests of the documentation yourself; the process is not Ready before."""


class Admission(Section):
    """ValidatingAdmissionPolicies: the lines that RBAC cannot draw. They run in the API server; there is no webhook."""

    enabled: bool = True
    """Install them."""


class ServiceAccount(Section):
    """The processes' ServiceAccounts; their names are fixed."""

    annotations: Texts
    """Annotations on them."""


class Selector(Section):
    """Pods that may connect: all of the namespaces with these labels."""

    namespace_labels: Annotated[dict[str, str], Field(min_length=1)]
    """Labels of the namespaces."""


class Amounts(Section):
    """Amounts of resources."""

    cpu: Quantity | None = None
    """Cores, as 100m."""
    memory: Quantity | None = None
    """Bytes, as 256Mi."""


class Resources(Section):
    """Requests and limits of a container."""

    requests: Amounts = Amounts()
    """What is set aside for it."""
    limits: Amounts = Amounts()
    """What it may not exceed. A CPU limit slows every decision; there is none by default."""


class Toleration(Section):
    """As in a pod's spec."""

    key: str | None = None
    """Taint's key. Absent with operator Exists: every taint."""
    operator: Literal["Exists", "Equal"] = "Equal"
    """How key and value are compared."""
    value: str | None = None
    """Taint's value."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """Taint's effect. Absent: all."""
    toleration_seconds: Annotated[int, Field(ge=0)] | None = None
    """How long NoExecute is tolerated."""


class Scheduling(Section):
    """Where the pods run."""

    node_selector: Texts
    """Labels that a node must have."""
    tolerations: list[Toleration] = Field(default_factory=list)
    """Taints that are tolerated, beside those that the site itself sets."""
    priority_class_name: OptionalObjectName = ""
    """PriorityClass, as system-cluster-critical."""


class Pod(Section):
    """Marks on the pods."""

    annotations: Texts
    """Annotations on the pods."""
    labels: Texts
    """Labels on the pods, beside the chart's own."""


class ServiceMonitor(Section):
    """Needs the CRDs of the Prometheus operator. Prometheus' own account needs `get` on the URL /metrics."""

    enabled: bool = False
    """Make a ServiceMonitor."""
    interval: Duration = "30s"
    """How often it is scraped."""
    labels: Texts
    """Labels by which your Prometheus selects it."""


class PrometheusRule(Section):
    """Alerts. Needs the CRDs of the Prometheus operator."""

    enabled: bool = False
    """Make a PrometheusRule."""
    labels: Texts
    """Labels by which your Prometheus selects it."""


class Dashboards(Section):
    """A Grafana dashboard as a ConfigMap."""

    enabled: bool = False
    """Make the ConfigMap."""
    labels: dict[str, str] = Field(default_factory=lambda: {"grafana_dashboard": "1"})
    """Labels by which Grafana's sidecar selects it."""


class Metrics(Section):
    """Monitoring. All off by default; /metrics is served to whoever may get it, whatever stands here."""

    service_monitor: ServiceMonitor = ServiceMonitor(labels={})
    """Scraping."""
    prometheus_rule: PrometheusRule = PrometheusRule(labels={})
    """Alerts."""
    dashboards: Dashboards = Dashboards()
    """Grafana."""


class NetworkPolicy(Section):
    """What the pods may be reached by and may reach; all else is denied where the network plugin enforces it."""

    enabled: bool = True
    """Make NetworkPolicies for every pod of this chart."""
    api_server_ports: Annotated[list[Port], Field(min_length=1)] = Field(default_factory=lambda: [443, 6443])
    """TCP ports of API servers, after translation of their Service: to any address, as theirs is not known here."""
    metrics_from: list[Selector] = Field(default_factory=list)
    """Who may scrape /metrics, beside the release's own namespace."""


class Uninstall(Section):
    """What `helm uninstall` asks first."""

    guard: bool = True
    """Refuse, naming them, while objects would be stranded (`--no-hooks` goes on). Deletes nothing itself."""


def resources(cpu: str, memory: str, limit: str) -> Resources:
    """Requests and a memory limit."""
    return Resources(requests=Amounts(cpu=cpu, memory=memory), limits=Amounts(memory=limit))
