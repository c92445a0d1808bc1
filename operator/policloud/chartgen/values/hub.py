"""Values of policloud-hub."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from policloud.chartgen.values import common
from policloud.chartgen.values.base import (
    Cidr,
    Https,
    LogFormat,
    OptionalName,
    OptionalObjectName,
    Port,
    Section,
    Texts,
    TimeScale,
)


class Tls(Section):
    """Certificate of the identity endpoint. Sites pin its CA when they join."""

    mode: Literal["generated", "secret"] = "generated"
    """`generated`: a CA and a certificate, made at install and kept over upgrades (not for `helm template`, which
    cannot look at the cluster: each rendering would make new ones). `secret`: yours, from cert-manager for one."""
    secret_name: OptionalObjectName = ""
    """With mode secret: a Secret of type kubernetes.io/tls with tls.crt, tls.key and ca.crt."""
    keep: bool = True
    """With mode generated: leave the Secret at uninstall, so that a hub installed again is the one that sites know."""


class IdentityService(Section):
    """Service of the identity endpoint."""

    type: Literal["ClusterIP", "NodePort", "LoadBalancer"] = "ClusterIP"
    """ClusterIP is for an ingress or gateway that passes TLS through; sites present no client certificate."""
    port: Port = 443
    """Port of the Service."""
    node_port: Annotated[int, Field(ge=0, le=65535)] = 0
    """Port on every node, for NodePort and LoadBalancer. 0: the cluster chooses."""
    load_balancer_source_ranges: list[Cidr] = Field(default_factory=list)
    """With LoadBalancer: who may connect. Empty: everybody."""
    annotations: Texts
    """Annotations on the Service."""


class Identity(Section):
    """The endpoint at which sites join and get their tokens."""

    url: Https = ""
    """Required. As sites reach it, without a path: https://hub.example.org:8443."""
    tls: Tls = Tls()
    """Its certificate."""
    service: IdentityService = IdentityService(annotations={})
    """Its Service."""


class HubNetworkPolicy(common.NetworkPolicy):
    identity_from: list[Cidr] = Field(default_factory=list)
    """Addresses that may reach the identity endpoint. Empty: all."""


class Spread(Section):
    """Replicas on different nodes."""

    enabled: bool = True
    """Spread them, with more than one replica, where nodes allow."""


class DisruptionBudget(Section):
    """PodDisruptionBudget."""

    enabled: bool = True
    """Make one that keeps all replicas but one, if there is more than one."""


class HubValues(Section):
    """Values of the chart policloud-hub."""

    hub_id: OptionalName = ""
    """Required. This hub's name in offers and mandates, as policloud-eu. Sites bind to it: never change it."""
    api_url: Https = ""
    """Required. The hub's API server as sites reach it: https://api.hub.example.org:6443."""
    identity: Identity = Identity()
    """The identity endpoint."""
    with_site: bool = False
    """A site runs on this cluster too: work labelled policloud.io/scope=local is left to it."""
    replicas: Annotated[int, Field(ge=1, le=5)] = 1
    """Processes. One leads, all serve the identity endpoint."""
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
    network_policy: HubNetworkPolicy = HubNetworkPolicy()
    """NetworkPolicies."""
    resources: common.Resources = common.resources("100m", "192Mi", "1Gi")
    """Requests and limits of the hub's container."""
    scheduling: common.Scheduling = common.Scheduling(node_selector={})
    """Where the pods run."""
    pod: common.Pod = common.Pod(annotations={}, labels={})
    """Marks on the pods."""
    topology_spread: Spread = Spread()
    """Spread of replicas."""
    pod_disruption_budget: DisruptionBudget = DisruptionBudget()
    """Budget for drains."""
    metrics: common.Metrics = common.Metrics()
    """Monitoring."""
    uninstall: common.Uninstall = common.Uninstall()
    """Uninstalling."""
