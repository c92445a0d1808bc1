"""Label and field selectors, as an API server reads them."""

from __future__ import annotations

from collections.abc import Mapping

from policloud.adapters.kube.selectors import label_matcher
from policloud.ports import Body


def matches(body: Body, label_selector: str | None, field_selector: str | None = None) -> bool:
    return label_matcher(label_selector)(body) and all(
        _field(body, term) for term in (field_selector or "").split(",") if term
    )


def _field(body: Body, term: str) -> bool:
    sign, equal = ("!=", False) if "!=" in term else ("=", True)
    path, value = term.replace("==", "=").split(sign, 1)
    node: object = body
    for step in path.strip().split("."):
        node = node.get(step) if isinstance(node, Mapping) else None
    return (str("" if node is None else node) == value.strip()) is equal
