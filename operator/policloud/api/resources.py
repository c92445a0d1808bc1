"""The Kubernetes resources this project reads or writes, each named once."""

from __future__ import annotations

from dataclasses import dataclass

GROUP = "policloud.io"
VERSION = "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource of an API server: enough to build its URL and to name it in messages."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool = True

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    def __str__(self) -> str:
        return f"{self.plural}.{self.group}" if self.group else self.plural


def _own(plural: str, kind: str) -> Resource:
    return Resource(GROUP, VERSION, plural, kind)


POLICLOUD_UNIT = _own("policloudunits", "PolicloudUnit")
ENERGY_SOURCE = _own("energysources", "EnergySource")
SOVEREIGN_WORKLOAD = _own("sovereignworkloads", "SovereignWorkload")
SITE_MEMBERSHIP = _own("sitememberships", "SiteMembership")
WORK_OFFER = _own("workoffers", "WorkOffer")
SITE_MANDATE = _own("sitemandates", "SiteMandate")

NODE = Resource("", "v1", "nodes", "Node", namespaced=False)
NAMESPACE = Resource("", "v1", "namespaces", "Namespace", namespaced=False)
POD = Resource("", "v1", "pods", "Pod")
SERVICE = Resource("", "v1", "services", "Service")
SERVICE_ACCOUNT = Resource("", "v1", "serviceaccounts", "ServiceAccount")
CONFIG_MAP = Resource("", "v1", "configmaps", "ConfigMap")
SECRET = Resource("", "v1", "secrets", "Secret")
PERSISTENT_VOLUME_CLAIM = Resource("", "v1", "persistentvolumeclaims", "PersistentVolumeClaim")
RESOURCE_QUOTA = Resource("", "v1", "resourcequotas", "ResourceQuota")
EVENT = Resource("events.k8s.io", "v1", "events", "Event")
DEPLOYMENT = Resource("apps", "v1", "deployments", "Deployment")
JOB = Resource("batch", "v1", "jobs", "Job")
NETWORK_POLICY = Resource("networking.k8s.io", "v1", "networkpolicies", "NetworkPolicy")
LEASE = Resource("coordination.k8s.io", "v1", "leases", "Lease")
ROLE_BINDING = Resource("rbac.authorization.k8s.io", "v1", "rolebindings", "RoleBinding")
CUSTOM_RESOURCE_DEFINITION = Resource(
    "apiextensions.k8s.io", "v1", "customresourcedefinitions", "CustomResourceDefinition", namespaced=False
)
TOKEN_REVIEW = Resource("authentication.k8s.io", "v1", "tokenreviews", "TokenReview", namespaced=False)
SUBJECT_ACCESS_REVIEW = Resource(
    "authorization.k8s.io", "v1", "subjectaccessreviews", "SubjectAccessReview", namespaced=False
)
SELF_SUBJECT_ACCESS_REVIEW = Resource(
    "authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", namespaced=False
)
VIRTUAL_MACHINE = Resource("kubevirt.io", "v1", "virtualmachines", "VirtualMachine")

OWN_KINDS = (POLICLOUD_UNIT, ENERGY_SOURCE, SOVEREIGN_WORKLOAD, SITE_MEMBERSHIP, WORK_OFFER, SITE_MANDATE)
