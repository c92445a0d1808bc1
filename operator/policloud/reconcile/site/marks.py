"""Labels and taints that a unit puts on its nodes, as one merge patch under the node's resourceVersion.

Which labels are ours is written on the node (an annotation), so that taking them off never takes one that the site's
people put there. Taints are one atomic list: the resourceVersion keeps us from losing somebody else's.
"""

from __future__ import annotations

from typing import Any

from policloud.api import names
from policloud.ports import Body
from policloud.reconcile.site.nodes import Claimed

_OUR_TAINTS = frozenset({names.GPU_TAINT, names.BRANCH_TAINT})


def mark(node: Claimed, *, closed: bool) -> Body | None:
    """The patch that makes the node its unit's own; None if it bears all marks already."""
    meta = node.body["metadata"]
    labels = meta.get("labels") or {}
    ours = _ours(node.body)
    wanted = {names.UNIT_LABEL: node.unit, names.PRODUCT_LABEL: node.pool.product}
    if names.POOL_LABEL not in labels or names.POOL_LABEL in ours:
        wanted[names.POOL_LABEL] = node.pool.name
    changed = {k: v for k, v in wanted.items() if labels.get(k) != v}
    taints = _taints(node.body, node.unit, closed=closed)
    if not changed and taints is None:
        return None
    patch: Body = {"metadata": {"resourceVersion": meta["resourceVersion"]}}
    if changed:
        patch["metadata"]["labels"] = changed
        added = sorted(ours | {k for k in changed if k not in labels})
        patch["metadata"]["annotations"] = {names.LABELLED_ANNOTATION: ",".join(added)}
    if taints is not None:
        patch["spec"] = {"taints": taints}
    return patch


def unmark(node: Body) -> Body | None:
    """The patch that takes off what `mark` put on; None if nothing of it is left."""
    meta, ours = node["metadata"], _ours(node)
    labels = meta.get("labels") or {}
    before: list[dict[str, Any]] = (node.get("spec") or {}).get("taints") or []
    after = [t for t in before if t.get("key") not in _OUR_TAINTS]
    if not ours and len(after) == len(before):
        return None
    patch: Body = {
        "metadata": {
            "resourceVersion": meta["resourceVersion"],
            "labels": {k: None for k in ours if k in labels},
            "annotations": {names.LABELLED_ANNOTATION: None},
        }
    }
    if len(after) != len(before):
        patch["spec"] = {"taints": after}
    return patch


def _ours(node: Body) -> frozenset[str]:
    text = (node["metadata"].get("annotations") or {}).get(names.LABELLED_ANNOTATION, "")
    return frozenset(k for k in text.split(",") if k)


def _taints(node: Body, unit: str, *, closed: bool) -> list[dict[str, Any]] | None:
    """The whole list to write, None if it is right. The kubelet's own entries (timeAdded and all) stay untouched."""
    before: list[dict[str, Any]] = (node.get("spec") or {}).get("taints") or []
    wanted = [{"key": names.GPU_TAINT, "value": unit, "effect": "NoSchedule"}]
    if closed:
        wanted.append({"key": names.BRANCH_TAINT, "effect": "NoSchedule"})
    mine = [{k: t[k] for k in ("key", "value", "effect") if t.get(k)} for t in before if t.get("key") in _OUR_TAINTS]
    if mine == wanted:
        return None
    return [*(t for t in before if t.get("key") not in _OUR_TAINTS), *wanted]
