"""Every field that `kubectl explain` shows says what it is, and is bounded: as the API server publishes the schemas."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest

from policloud.api.v1alpha1 import KINDS
from policloud.testing.controlplane import ControlPlane
from waiting import until

Schema = dict[str, Any]


@pytest.fixture(scope="module")
def schemas(api_server: ControlPlane) -> dict[str, Schema]:
    """Each kind's schema, as kubectl gets it: the API server publishes them one by one, after it serves the kinds."""

    def published() -> dict[str, Schema]:
        status, text = api_server.api.raw("GET", "/openapi/v3/apis/policloud.io/v1alpha1")
        return _by_kind(json.loads(text)) if status == HTTPStatus.OK else {}

    until(lambda: len(published()) == len(KINDS), "every kind's schema is published", seen=lambda: [*published()])
    return published()


def _by_kind(document: Schema) -> dict[str, Schema]:
    found = {}
    for schema in document["components"]["schemas"].values():
        for named in schema.get("x-kubernetes-group-version-kind", ()):
            if named["group"] == "policloud.io" and not named["kind"].endswith("List"):
                found[named["kind"]] = schema
    return found


def fields(schema: Schema, at: str) -> Iterator[tuple[str, Schema]]:
    for name, inner in schema.get("properties", {}).items():
        yield f"{at}.{name}", inner
        yield from fields(inner, f"{at}.{name}")
    for name in ("items", "additionalProperties"):
        if isinstance(schema.get(name), dict):
            yield from fields(schema[name], at)


def own_fields(schemas: dict[str, Schema]) -> Iterator[tuple[str, Schema]]:
    """All but the envelope, which Kubernetes describes."""
    for kind, schema in schemas.items():
        for name in ("spec", "status"):
            yield f"{kind}.{name}", schema["properties"][name]
            yield from fields(schema["properties"][name], f"{kind}.{name}")


def test_every_field_says_what_it_is(schemas: dict[str, Schema]) -> None:
    descriptions = {path: schema.get("description", "") for path, schema in own_fields(schemas)}
    assert len(descriptions) > 500
    assert [path for path, text in descriptions.items() if not text.endswith(".")] == []


def test_watts_are_explained_as_power(schemas: dict[str, Schema]) -> None:
    """A count of watts may be a limit, a draw or a rating: the text says which."""
    power = re.compile(r"\bW\b|watts?\b|power|draw", re.IGNORECASE)
    found = [
        (path, schema["description"])
        for path, schema in own_fields(schemas)
        if path.endswith("Watts") and schema["type"] == "integer"
    ]
    assert len(found) > 30
    assert [path for path, text in found if not power.search(text)] == []


def test_nothing_is_unbounded(schemas: dict[str, Schema]) -> None:
    """Else one object could fill the API server's memory, and CEL rules could not be priced."""
    bound = {"array": ("maxItems",), "string": ("maxLength", "enum", "format"), "integer": ("minimum",)}
    lacking = [
        path for path, schema in own_fields(schemas)
        if schema.get("type") in bound and not any(key in schema for key in bound[schema["type"]])
    ]  # fmt: skip
    assert lacking == []
