"""Every object of a cluster, of every kind that can be listed."""

from __future__ import annotations

import json

from e2elab.cluster import Cluster

# Written by the cluster itself, all the time, whatever is installed
_PASSING = frozenset(
    {"events", "events.events.k8s.io", "leases.coordination.k8s.io", "endpointslices.discovery.k8s.io", "endpoints"}
)


def of(cluster: Cluster) -> frozenset[str]:
    """Names such as `pods default/web`; what the cluster writes by itself is left out."""
    kinds = [k for k in cluster.kubectl("api-resources", "--verbs=list", "-o", "name").split() if k not in _PASSING]
    listed = json.loads(cluster.kubectl("get", ",".join(kinds), "-A", "-o", "json"))["items"]
    return frozenset(
        f"{item['kind']} {item['metadata'].get('namespace', '-')}/{item['metadata']['name']}"
        for item in listed
        if item["kind"] != "ComponentStatus"
    )
