"""Which fields a body has, as paths: the ground that server-side apply stands on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Path = tuple[str, ...]
"""Steps as in managedFields: "f:name" of a map, 'k:{"name":"a"}' of a keyed list."""

_KEYS: dict[str, tuple[tuple[str, ...], ...]] = {  # of built-in kinds and of ours; of several, the first that fits
    "ports": (("port", "protocol"), ("containerPort", "protocol")),
    "volumeMounts": (("mountPath",),),
    "conditions": (("type",),),
    "ownerReferences": (("uid",),),
    "placements": (("site", "unit"),),
    "units": (("site", "unit"),),
    "held": (("hub", "namespace", "name"),),
    "freeByNode": (("free",),),
    "attested": (("unit",),),
    "shares": (("source",),),
    "tenants": (("hub", "tenant"),),
    "certifications": (("scheme",),),
    "ownership": (("from",),),
    "tripCurve": (("percent",),),
    "overload": (("percent",),),
    "storage": (("class",), ("name",)),
}
_ATOMIC = frozenset(
    {"tolerations", "taints", "ingress", "egress", "args", "command", "rules", "subjects", "relaxations", "hours"}
)
_DEFAULTS = {"protocol": "TCP"}


def keys_of(field: str, items: list[Any]) -> tuple[str, ...]:
    """The keys that tell the items of that list apart; none if it is replaced as a whole."""
    if field in _ATOMIC or not items or not all(isinstance(i, Mapping) for i in items):
        return ()
    for keys in _KEYS.get(field, (("name",),)):
        found = [tuple(i.get(k, _DEFAULTS.get(k)) for k in keys) for i in items]
        if all(None not in f for f in found) and len(set(found)) == len(found):
            return keys
    return ()


def step_of(item: Mapping[str, Any], keys: Iterable[str]) -> str:
    return "k:" + json.dumps({k: item.get(k, _DEFAULTS.get(k)) for k in keys}, separators=(",", ":"))


def leaves(value: Any, field: str = "", path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every leaf with its value; empty maps, atomic lists and keyed items' keys are leaves too."""
    if isinstance(value, Mapping) and value:
        for name, below in value.items():
            yield from leaves(below, name, (*path, f"f:{name}"))
    elif isinstance(value, list) and (keys := keys_of(field, value)):
        for item in value:
            yield from leaves(item, "", (*path, step_of(item, keys)))
    elif path:
        yield path, value


def merge(current: Any, wanted: Any, field: str = "") -> Any:
    """`wanted` laid over `current`: maps by name, keyed lists by key, all else replaced."""
    if isinstance(current, Mapping) and isinstance(wanted, Mapping):
        merged = dict(current)
        for name, below in wanted.items():
            merged[name] = merge(current[name], below, name) if name in current else below
        return merged
    if isinstance(current, list) and isinstance(wanted, list) and (keys := keys_of(field, wanted)):
        by_step = {step_of(i, keys): i for i in current if isinstance(i, Mapping)}
        for item in wanted:
            step = step_of(item, keys)
            by_step[step] = merge(by_step[step], item) if step in by_step else item
        return [*by_step.values()]
    return wanted


def remove(value: Any, path: Path) -> Any:
    """`value` without the leaf at `path`, and without what it leaves empty; what is not there is fine."""
    step, rest = path[0], path[1:]
    if step.startswith("f:") and isinstance(value, dict):
        name = step[2:]
        if name in value:
            below = remove(value[name], rest) if rest else None
            value = {k: v for k, v in value.items() if k != name}
            if below:
                value[name] = below
        return value
    if step.startswith("k:") and isinstance(value, list):
        keys = json.loads(step[2:])
        kept = []
        for item in value:
            if isinstance(item, Mapping) and all(item.get(k, _DEFAULTS.get(k)) == v for k, v in keys.items()):
                # An item cannot lose what tells it apart: it goes when nothing else is left
                if len(rest) == 1 and is_key(path):
                    left = None if item.keys() <= keys.keys() else item
                else:
                    left = remove(item, rest) if rest else None
                if left:
                    kept.append(left)
            else:
                kept.append(item)
        return kept
    return value


def is_key(path: Path) -> bool:
    """Whether the leaf is one of the fields by which its list tells items apart."""
    return len(path) > 1 and path[-2].startswith("k:") and path[-1][2:] in json.loads(path[-2][2:])


def tree(paths: Iterable[Path]) -> dict[str, Any]:
    """The fieldsV1 of a managedFields entry."""
    root: dict[str, Any] = {}
    for path in sorted(paths):
        node = root
        for step in path:
            node = node.setdefault(step, {})
    return root
