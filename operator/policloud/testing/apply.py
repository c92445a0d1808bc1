"""Server-side apply, as far as reconcilers can tell: ownership by manager, conflicts, removal of what is let go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from policloud.ports import Body, ConflictError
from policloud.testing import fields

_IDENTITY = frozenset(
    {"name", "namespace", "uid", "resourceVersion", "managedFields", "generation", "creationTimestamp"}
)

Manager = tuple[str, str]
"""Name and subresource."""


@dataclass(slots=True)
class Owners:
    """Which manager applied which fields of one object."""

    of: dict[Manager, set[fields.Path]] = field(default_factory=dict)

    def managed_fields(self, api_version: str) -> list[dict[str, Any]]:
        return [
            {
                "manager": name,
                "operation": "Apply",
                "apiVersion": api_version,
                "fieldsType": "FieldsV1",
                "fieldsV1": fields.tree(paths),
                **({"subresource": subresource} if subresource else {}),
            }
            for (name, subresource), paths in self.of.items()
            if paths
        ]

    def changed_by_others(self, before: Body, after: Body) -> None:
        """An update moves the ownership of what it changed away from those who applied it."""
        old, new = dict(fields.leaves(content(before))), dict(fields.leaves(content(after)))
        changed = {p for p in old.keys() | new.keys() if old.get(p) != new.get(p)}
        for paths in self.of.values():
            paths.difference_update(changed)


def content(body: Mapping[str, Any], subresource: str | None = None) -> Body:
    """The part of a body that can be owned: under a subresource only that, else all but the status."""
    if subresource:
        return {subresource: body[subresource]} if subresource in body else {}
    kept = {k: v for k, v in body.items() if k not in {"apiVersion", "kind", "metadata", "status"}}
    metadata = {k: v for k, v in (body.get("metadata") or {}).items() if k not in _IDENTITY}
    return {**kept, "metadata": metadata} if metadata else kept


def apply(
    current: Body, wanted: Body, owners: Owners, manager: str, *, subresource: str | None, force: bool, what: str
) -> Body:
    """`current` after the apply; `owners` is brought up to date. ConflictError names the fields of others."""
    me: Manager = (manager, subresource or "")
    mine = content(wanted, subresource)
    new = dict(fields.leaves(mine))
    old = dict(fields.leaves({**content(current), **content(current, "status")}))
    disputed = {
        path: name
        for (name, sub), paths in owners.of.items()
        if (name, sub) != me
        for path in paths & new.keys()
        if old.get(path) != new[path]
    }
    if disputed and not force:
        listed = "; ".join(f"{'.'.join(p)} of {name}" for p, name in sorted(disputed.items()))
        raise ConflictError(f"{what}: Apply failed with {len(disputed)} conflicts: {listed}")
    for other, paths in owners.of.items():
        if other != me:
            paths.difference_update(disputed)
    merged: Body = fields.merge(current, mine)
    prefixes = {path[:n] for path in new for n in range(1, len(path))}  # an empty list that has got items stays
    let_go = owners.of.get(me, set()) - new.keys() - prefixes
    kept_by_others: set[fields.Path] = set().union(*(p for m, p in owners.of.items() if m != me), set())
    for path in sorted(let_go - kept_by_others, key=fields.is_key):
        merged = fields.remove(merged, path)
    owners.of[me] = set(new)
    return merged
