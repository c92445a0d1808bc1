"""Every object of a cluster, of every kind that can be listed, as its people would compare it: before and after."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from e2elab.cluster import Body, Cluster
from e2elab.state import until

Inventory = Mapping[str, Body]

# Written by the cluster itself, all the time, whatever is installed
_PASSING_KINDS = frozenset({"events", "events.events.k8s.io", "endpointslices.discovery.k8s.io", "endpoints"})
_PASSING_FIELDS = frozenset({"resourceVersion", "managedFields", "generation"})
_MISSING: Any = "(none)"


def of(cluster: Cluster) -> Inventory:
    """Objects by names such as `Pod default/web`, without status, and without what only counts their writes."""
    names = cluster.kubectl("api-resources", "--verbs=list", "-o", "name").split()
    kinds = ",".join(kind for kind in names if kind not in _PASSING_KINDS)
    listed = json.loads(cluster.kubectl("get", kinds, "-A", "-o", "json"))["items"]
    return {_name(item): _lasting(item) for item in listed if not _passes(item)}


def settled(cluster: Cluster) -> Inventory:
    """Of a cluster that was just made: once two looks at it are the same."""
    seen: list[Inventory] = [of(cluster)]

    def same() -> bool:
        seen.append(of(cluster))
        return seen[-1] == seen[-2]

    until(same, 60, what=f"{cluster.name} has all that a cluster begins with", seen=lambda: changes(*seen[-2:]))
    return seen[-1]


def changes(before: Inventory, after: Inventory) -> list[str]:
    """What is there that was not, what is there no more, and each field that differs, in words."""
    found = [f"{name}: new" for name in after.keys() - before.keys()]
    found += [f"{name}: gone" for name in before.keys() - after.keys()]
    for name in before.keys() & after.keys():
        found += [f"{name}: {difference}" for difference in _differences(before[name], after[name], "")]
    return sorted(found)


def uids(inventory: Inventory) -> dict[str, str]:
    return {name: str(body["metadata"]["uid"]) for name, body in inventory.items()}


def _name(item: Body) -> str:
    return f"{item['kind']} {item['metadata'].get('namespace', '-')}/{item['metadata']['name']}"


def _passes(item: Body) -> bool:
    """Of the cluster's own parts: signs of life, and pods, which get other names where a drain sends them."""
    own = item["metadata"].get("namespace", "").startswith("kube-")
    return item["kind"] == "ComponentStatus" or (own and item["kind"] in {"Lease", "Pod"})


def _lasting(item: Body) -> Body:
    meta = {key: value for key, value in item["metadata"].items() if key not in _PASSING_FIELDS}
    return {key: value for key, value in item.items() if key != "status"} | {"metadata": meta}


def _differences(before: Any, after: Any, path: str) -> Iterator[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted(before.keys() | after.keys()):
            yield from _differences(before.get(key, _MISSING), after.get(key, _MISSING), f"{path}.{key}".lstrip("."))
    elif before != after:
        yield f"{path} was {before!r}, is {after!r}"
