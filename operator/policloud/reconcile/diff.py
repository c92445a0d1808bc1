"""Whether an apply would change anything, judged from the object as it is and from who owns which of its fields."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from policloud.ports import Body

Fields = Mapping[str, Any]
"""A fieldsV1 tree of managedFields: "f:name" under maps, 'k:{"name":"a"}' under keyed lists, "v:…" under sets."""

_IDENTITY = frozenset({"name", "namespace", "uid", "resourceVersion"})
_LIST_KEYS = ("type", "name", "key", "containerPort", "port", "mountPath", "uid")
_QUANTITIES = frozenset({"limits", "requests", "capacity", "allocatable", "hard"})
_SUFFIXES = {
    "": Decimal(1),
    "m": Decimal("0.001"),
    **{s: Decimal(1000) ** n for n, s in enumerate("kMGTPE", 1)},
    **{f"{s}i": Decimal(1024) ** n for n, s in enumerate("KMGTPE", 1)},
}


def needs_write(current: Body | None, wanted: Body, *, manager: str | None = None, subresource: str = "") -> bool:
    """Whether applying `wanted` would change `current`.

    Fields that `wanted` does not name are others' business. With `manager`, managedFields are used too: what that
    manager applied before and no longer wants counts, as does what it wants and does not own yet, and lists are
    compared as the schema defines them. Without, lists are compared by guess and removals are not seen.
    """
    if current is None:
        return True
    content = {subresource: wanted.get(subresource) or {}} if subresource else _content(wanted)
    if manager is None:
        return not _covers(current, content, None)
    owned = _owned(current, manager, subresource)
    return owned is None or not _covers(current, content, owned) or _owns_more(owned, content)


def _content(wanted: Body) -> Body:
    """What an apply can own of a body."""
    content = {k: v for k, v in wanted.items() if k not in {"apiVersion", "kind", "metadata"}}
    metadata = {k: v for k, v in wanted.get("metadata", {}).items() if k not in _IDENTITY}
    return {**content, "metadata": metadata} if metadata else content


def _owned(current: Body, manager: str, subresource: str) -> Fields | None:
    for entry in current["metadata"].get("managedFields") or ():
        mine = entry.get("manager") == manager and entry.get("operation") == "Apply"
        if mine and entry.get("subresource", "") == subresource:
            fields: Fields = entry.get("fieldsV1") or {}
            return fields
    return None


def _covers(current: Any, wanted: Any, owned: Fields | None, *, quantity: bool = False) -> bool:
    """Whether `current` has all of `wanted`; if `owned` is known, also whether all of it is owned."""
    if isinstance(wanted, Mapping):
        if not isinstance(current, Mapping):
            return not wanted and current is None
        return all(_covers_field(current, k, v, owned, quantity=quantity) for k, v in wanted.items() if v is not None)
    if isinstance(wanted, list | tuple):
        return _covers_list(current or (), wanted, owned)
    if wanted == "" and current is None:
        return True
    return bool(current == wanted) or (quantity and _quantity(current) == _quantity(wanted) is not None)


def _covers_field(current: Fields, name: str, wanted: Any, owned: Fields | None, *, quantity: bool) -> bool:
    below = None
    if owned:  # an empty tree is a leaf: the map is owned as a whole
        below = owned.get(f"f:{name}")
        if below is None and wanted not in ("", [], {}, ()):
            return False
    return _covers(current.get(name), wanted, below, quantity=quantity or name in _QUANTITIES)


def _covers_list(current: Sequence[Any], wanted: Sequence[Any], owned: Fields | None) -> bool:
    if owned is not None and any(step.startswith("v:") for step in owned):
        return all(w in current for w in wanted)
    keys = _guessed_keys(wanted) if owned is None else _owned_keys(owned)
    if not keys:
        return len(current) == len(wanted) and all(_covers(c, w, None) for c, w in zip(current, wanted, strict=True))
    return all((c := _find(current, w, keys)) is not None and _covers(c, w, _owned_item(owned, w)) for w in wanted)


def _find(items: Iterable[Any], like: Any, keys: Sequence[str]) -> Any:
    """The item with the same keys; a key that `like` leaves to the server's default matches anything."""
    for item in items:
        if isinstance(item, Mapping) and all(k not in like or item.get(k) == like[k] for k in keys):
            return item
    return None


def _owned_item(owned: Fields | None, wanted: Mapping[str, Any]) -> Fields | None:
    """What is owned of the list's item with the same keys; an empty tree would mean the whole."""
    for step, below in (owned or {}).items():
        if step.startswith("k:") and all(wanted.get(k, v) == v for k, v in json.loads(step[2:]).items()):
            fields: Fields = below
            return fields
    return None if owned is None else {".": {}}


def _owned_keys(owned: Fields) -> tuple[str, ...]:
    return next((tuple(json.loads(step[2:])) for step in owned if step.startswith("k:")), ())


def _guessed_keys(items: Sequence[Any]) -> tuple[str, ...]:
    """The field that tells a list's items apart, if it looks like such a list."""
    for key in _LIST_KEYS:
        values = [i.get(key) for i in items if isinstance(i, Mapping)]
        if values and len(values) == len(items) and None not in values and len(set(map(str, values))) == len(values):
            return (key,)
    return ()


def _quantity(value: Any) -> Decimal | None:
    text = str(value)
    digits = text.rstrip("kKMGTPEim")
    try:
        return Decimal(digits) * _SUFFIXES[text[len(digits) :]]
    except (InvalidOperation, KeyError):
        return None


def _owns_more(owned: Fields, wanted: Any) -> bool:
    """Whether something is owned that is no longer wanted."""
    for step, below in owned.items():
        kind, _, rest = step.partition(":")
        if kind == "f":
            if not isinstance(wanted, Mapping) or wanted.get(rest) is None:
                return True
            if _owns_more(below, wanted[rest]):
                return True
        elif kind == "k":
            keys = json.loads(rest)
            item = next((w for w in wanted or () if all(w.get(k, v) == v for k, v in keys.items())), None)
            if item is None or _owns_more(below, {**keys, **item}):
                return True
        elif kind == "v" and json.loads(rest) not in (wanted or ()):
            return True
    return False
