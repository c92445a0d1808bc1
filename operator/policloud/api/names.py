"""Labels, annotations, taints, finalizers and field managers: every name we put on an object, in one place."""

from __future__ import annotations

from typing import Final

PREFIX: Final = "policloud.io"

# Labels
UNIT_LABEL: Final = f"{PREFIX}/unit"  # on nodes and pods: the PolicloudUnit they belong to
POOL_LABEL: Final = f"{PREFIX}/pool"  # on nodes: the pool of that unit (set by the site's people or by us)
PRODUCT_LABEL: Final = f"{PREFIX}/gpu-product"  # on nodes, by us: product of the pool's GPUs
WORKLOAD_LABEL: Final = f"{PREFIX}/workload"  # on children: name of the SovereignWorkload
SCOPE_LABEL: Final = f"{PREFIX}/scope"  # on a SovereignWorkload: "local" keeps the hub out of it
SCOPE_LOCAL: Final = "local"
FEDERATED_LABEL: Final = f"{PREFIX}/federated"  # on namespaces (and what is in them) made for federated work
SITE_LABEL: Final = f"{PREFIX}/site"  # on the hub, on a site's namespace and what is in it
HUB_LABEL: Final = f"{PREFIX}/hub"  # hub ID that federated work belongs to
MANAGED_BY_LABEL: Final = "app.kubernetes.io/managed-by"
MANAGED_BY: Final = "policloud"
RECORD_LABEL: Final = f"{PREFIX}/record"  # on the site's ConfigMaps: "held" (journal of one offer)
WORKLOAD_UID_LABEL: Final = f"{PREFIX}/workload-uid"  # on WorkOffers

# Annotations
PLAN_ANNOTATION: Final = f"{PREFIX}/plan"  # hub: JSON list of planned offers, written before they are created
OFFER_ANNOTATION: Final = f"{PREFIX}/offer"  # site: JSON identity of the offer a federated workload carries out
FENCED_ANNOTATION: Final = f"{PREFIX}/fenced"  # hub, on a site's Lease (a later release fences with it)

CRD_VERSION_ANNOTATION: Final = f"{PREFIX}/crd-version"  # on our CRDs: an operator needs its own or a later one

INVITED_ANNOTATION: Final = f"{PREFIX}/invited-until"  # on a SiteMembership: when its newest invitation expires

LABELLED_ANNOTATION: Final = f"{PREFIX}/labelled"  # on nodes: the labels that we put there and may take off

# Taint on every GPU node of a unit: only GPU work that tolerates it lands there
GPU_TAINT: Final = f"{PREFIX}/gpu"
BRANCH_TAINT: Final = f"{PREFIX}/branch-full"  # on nodes that their branch cannot carry at full draw
UNCAPPED_TAINT: Final = f"{PREFIX}/uncapped"

FINALIZER: Final = f"{PREFIX}/finalizer"

# Server-side-apply field managers, one per process; the governor's is used by the site until it lands
HUB_MANAGER: Final = "policloud-hub"
SITE_MANAGER: Final = "policloud-site"
GOVERNOR_MANAGER: Final = "policloud-governor"

SYSTEM_NAMESPACE: Final = "policloud-system"
SITE_NAMESPACE_PREFIX: Final = "site-"
GPU_RESOURCE: Final = "nvidia.com/gpu"
