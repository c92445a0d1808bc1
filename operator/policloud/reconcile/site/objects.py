"""Small writes on objects of the site: finalizers, and the envelope of a status."""

from __future__ import annotations

from policloud.api import names
from policloud.api.resources import Resource
from policloud.ports import Body, Cluster


async def set_finalizer(cluster: Cluster, resource: Resource, body: Body, *, present: bool) -> None:
    """Put our finalizer on, or take it off, under the body's resourceVersion; nothing if it is so already."""
    meta = body["metadata"]
    finalizers = list(meta.get("finalizers") or ())
    if (names.FINALIZER in finalizers) == present:
        return
    wanted = [*finalizers, names.FINALIZER] if present else [f for f in finalizers if f != names.FINALIZER]
    patch = {"metadata": {"resourceVersion": meta["resourceVersion"], "finalizers": wanted}}
    await cluster.merge_patch(resource, meta.get("namespace"), meta["name"], patch)


def status_body(resource: Resource, body: Body, status: Body) -> Body:
    """What apply_status wants: identity and status, nothing else."""
    meta = body["metadata"]
    return {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": {"name": meta["name"], "namespace": meta["namespace"]},
        "status": status,
    }
