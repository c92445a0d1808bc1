"""Values' model → values.schema.json, closed at every level."""

from __future__ import annotations

import json
from typing import Any

from policloud.chartgen.values.base import Section
from policloud.crdgen.jsonschema import json_schema

Schema = dict[str, Any]

# Helm puts it into the values of a chart that another chart embeds; nothing here reads it
_GLOBAL: Schema = {"type": "object", "description": "Helm's own, where this chart is part of another. Not read."}


def values_schema(values: type[Section]) -> Schema:
    """Draft 2020-12, with `$defs`."""
    schema = _tidy(json_schema(values))
    schema["properties"]["global"] = _GLOBAL
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def render(values: type[Section]) -> str:
    """The file."""
    return json.dumps(values_schema(values), indent=1, ensure_ascii=False) + "\n"


def _tidy(node: Any) -> Any:
    """Without pydantic's titles; what may be None here is absent there: Helm drops what is null before it looks."""
    if isinstance(node, list):
        return [_tidy(entry) for entry in node]
    if not isinstance(node, dict):
        return node
    if "anyOf" in node:
        present = [choice for choice in node["anyOf"] if choice != {"type": "null"}]
        node = {key: value for key, value in node.items() if key != "anyOf"} | present[0]
    return {
        key: {name: _tidy(inner) for name, inner in value.items()} if key in ("properties", "$defs") else _tidy(value)
        for key, value in node.items()
        if key not in ("title", "default")
    }
