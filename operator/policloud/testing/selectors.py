"""Label and field selectors, as an API server reads them."""

from __future__ import annotations

import re
from collections.abc import Mapping

from policloud.ports import Body, RejectedError

_TERM = re.compile(r"\s*((?:[^,()]|\([^)]*\))+)\s*(?:,|$)")
_SET = re.compile(r"^(\S+)\s+(in|notin)\s+\(([^)]*)\)$")


def matches(body: Body, label_selector: str | None, field_selector: str | None = None) -> bool:
    labels = body["metadata"].get("labels") or {}
    terms = [m.group(1).strip() for m in _TERM.finditer(label_selector or "") if m.group(1).strip()]
    return all(_label(labels, term) for term in terms) and all(
        _field(body, term) for term in (field_selector or "").split(",") if term
    )


def _label(labels: Mapping[str, str], term: str) -> bool:
    if found := _SET.match(term):
        key, operator, values = found.groups()
        among = labels.get(key) in {v.strip() for v in values.split(",")}
        return among if operator == "in" else not among
    for sign, equal in (("!=", False), ("==", True), ("=", True)):
        if sign in term:
            key, value = (part.strip() for part in term.split(sign, 1))
            return (labels.get(key) == value) is equal
    if term.startswith("!"):
        return term[1:] not in labels
    if " " in term:
        raise RejectedError(f"unable to parse requirement: {term!r}", status=400)
    return term in labels


def _field(body: Body, term: str) -> bool:
    sign, equal = ("!=", False) if "!=" in term else ("=", True)
    path, value = term.replace("==", "=").split(sign, 1)
    node: object = body
    for step in path.strip().split("."):
        node = node.get(step) if isinstance(node, Mapping) else None
    return (str("" if node is None else node) == value.strip()) is equal
