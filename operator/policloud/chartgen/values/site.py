"""Values of policloud-site."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from policloud.chartgen.values import common
from policloud.chartgen.values.base import (
    HttpProxy,
    Https,
    LogFormat,
    OptionalName,
    OptionalObjectName,
    Port,
    Quantity,
    Section,
    TimeScale,
)


class Hub(Section):
    """The hub, as `policloud hub invite NAME --format values` prints it."""

    id: OptionalName = ""
    """The hub's name."""
    api: Https = ""
    """Its API server."""
    identity: Https = ""
    """Its identity endpoint."""
    ca: Annotated[str, Field(max_length=65536, pattern=r"^(\s*-----BEGIN CERTIFICATE-----[\s\S]*)?$")] = ""
    """PEM certificates; nothing else is trusted."""


class Join(Section):
    """Joining a hub. All empty: the site is complete alone. A code that is used up may stay, the site remembers."""

    hub: Hub = Hub()
    """The hub."""
    membership: Annotated[str, Field(max_length=58, pattern=r"^([a-z0-9]([a-z0-9-]*[a-z0-9])?)?$")] = ""
    """This site's name at the hub."""
    code: Annotated[str, Field(max_length=256, pattern=r"^[A-Za-z0-9_-]*$")] = ""
    """The one-time code. A secret until it is used."""
    existing_secret: OptionalObjectName = ""
    """Instead of all others: a Secret with the key join.yaml, a file that `policloud hub invite` wrote. For GitOps."""


class SiteNetworkPolicy(common.NetworkPolicy):
    hub_ports: list[Port] = Field(default_factory=list)
    """TCP ports of the hub and of a proxy, beside those that stand in join.hub and hubProxy. For existingSecret."""


class Persistence(Section):
    """The governor's epochs and leases; they must outlive the pod."""

    size: Quantity = "64Mi"
    """Size of the volume."""
    storage_class: OptionalObjectName = ""
    """StorageClass. Empty: the cluster's default."""


class Governor(Section):
    """The one-second power governor. One per site."""

    enabled: bool = False
    """Run it."""
    meter_ports: list[Port] = Field(default_factory=lambda: [80, 443, 502, 1883, 8883])
    """TCP ports of meters, inverters and forecasts that it may reach."""
    persistence: Persistence = Persistence()
    """Its disk."""
    resources: common.Resources = common.resources("100m", "128Mi", "512Mi")
    """Requests and limits of its container."""
    scheduling: common.Scheduling = common.Scheduling(node_selector={})
    """Where it runs."""


def _gpu_nodes() -> list[common.Toleration]:
    return [common.Toleration(operator="Exists")]


class NodeScheduling(common.Scheduling):
    """Which nodes it runs on. Every GPU node whose power is governed needs one."""

    tolerations: list[common.Toleration] = Field(default_factory=_gpu_nodes)
    """Taints that are tolerated. A node without its agent counts at its rated maximum."""


class Node(Section):
    """The agent on every GPU node: sets power caps and clocks. Needs the governor, and more rights than restricted."""

    enabled: bool = False
    """Run it."""
    namespace: Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9]([a-z0-9-]*[a-z0-9])?$")] = (
        "policloud-node"
    )
    """Its own namespace, as Pod Security is enforced by namespace."""
    create_namespace: bool = True
    """Make that namespace, labelled to allow privileged pods."""
    runtime_class_name: OptionalObjectName = "nvidia"
    """RuntimeClass that brings the driver's libraries into the container. Empty: the node's default runtime does."""
    resources: common.Resources = common.resources("50m", "64Mi", "256Mi")
    """Requests and limits of its container."""
    scheduling: NodeScheduling = NodeScheduling(node_selector={})
    """Which nodes it runs on."""


class SiteValues(Section):
    """Values of the chart policloud-site."""

    join: Join = Join()
    """Joining a hub."""
    site_name: OptionalName = ""
    """Name in status.placements. Empty: the membership once joined, else local."""
    hub_proxy: HttpProxy = ""
    """HTTP proxy through which the hub is reached."""
    with_hub: bool = False
    """A hub runs on this cluster too; its workloads are left to it."""
    trace_config_map: OptionalObjectName = ""
    """ConfigMap with trace files of simulated meters."""
    log_format: LogFormat = "json"
    """Form of the log on stderr."""
    time_scale: TimeScale = 1
    """For tests. Shrinks every waiting time: 0.1 is a tenth."""
    image: common.Image = common.Image()
    """The image."""
    crds: common.Crds = common.Crds()
    """CustomResourceDefinitions."""
    rbac: common.Rbac = common.Rbac()
    """Rights."""
    admission_policies: common.Admission = common.Admission()
    """ValidatingAdmissionPolicies."""
    service_account: common.ServiceAccount = common.ServiceAccount(annotations={})
    """ServiceAccounts."""
    network_policy: SiteNetworkPolicy = SiteNetworkPolicy()
    """NetworkPolicies."""
    resources: common.Resources = common.resources("100m", "192Mi", "512Mi")
    """Requests and limits of the site's container."""
    scheduling: common.Scheduling = common.Scheduling(node_selector={})
    """Where the pod runs."""
    pod: common.Pod = common.Pod(annotations={}, labels={})
    """Marks on the pods."""
    governor: Governor = Governor()
    """The power governor."""
    node: Node = Node()
    """The node agent."""
    metrics: common.Metrics = common.Metrics()
    """Monitoring."""
    uninstall: common.Uninstall = common.Uninstall()
    """Uninstalling."""
