"""Dict → model → dict: whatever the schema lets in is read without loss, and written as it was read."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from manifests import ROOT, documents, paths, sample_files
from policloud.api.v1alpha1 import KINDS, ApiObject
from policloud.crdgen.crd import custom_resource_definition

Schema = dict[str, Any]
BY_KIND = {cls.__name__: cls for cls in KINDS}


def _text(schema: Schema) -> st.SearchStrategy[str]:
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if schema.get("format") == "date":
        return st.dates().map(lambda d: d.isoformat())
    if schema.get("format") == "date-time":
        return st.datetimes().map(lambda t: t.replace(microsecond=0).isoformat() + "Z")
    longest = min(schema["maxLength"], 80)
    for rule in schema.get("x-kubernetes-validations", ()):
        if found := re.fullmatch(r"self\.matches\('(.*)'\)", rule["rule"]):
            pattern = found[1].replace("\\\\", "\\").removesuffix("$") + r"\Z"
            return st.from_regex(pattern, alphabet=st.characters(codec="ascii")).filter(lambda t: len(t) <= longest)
    return st.text(st.characters(codec="ascii"), min_size=schema.get("minLength", 0), max_size=8)


def _values(schema: Schema) -> st.SearchStrategy[Any]:
    """Objects that the structural schema takes; short lists, as long ones prove no more."""
    kind = schema["type"]
    if kind == "string":
        return _text(schema)
    if kind == "integer":
        return st.integers(schema["minimum"], schema.get("maximum"))
    if kind == "boolean":
        return st.booleans()
    if kind == "array":
        least = schema.get("minItems", 0)
        return st.lists(_values(schema["items"]), min_size=least, max_size=max(least, min(2, schema["maxItems"])))
    return _map(schema)


def _map(schema: Schema) -> st.SearchStrategy[Any]:
    if "properties" in schema:
        fields = {name: st.deferred(lambda s=s: _values(s)) for name, s in schema["properties"].items()}
        needed = set(schema.get("required", ()))
        optional = {n: s for n, s in fields.items() if n not in needed}
        return st.fixed_dictionaries({n: fields[n] for n in fields if n in needed}, optional=optional)
    if "additionalProperties" in schema:
        return st.dictionaries(st.from_regex(r"[a-z]{1,5}\Z"), _values(schema["additionalProperties"]), max_size=2)
    return st.dictionaries(st.sampled_from(["a", "b"]), st.integers() | st.booleans(), max_size=2)


def _parts(cls: type[ApiObject]) -> dict[str, Schema]:
    root = custom_resource_definition(cls)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return {name: root["properties"][name] for name in ("spec", "status")}


def _objects(cls: type[ApiObject]) -> st.SearchStrategy[dict[str, Any]]:
    envelope = {"apiVersion": "policloud.io/v1alpha1", "kind": cls.__name__, "metadata": {"name": "a"}}
    parts = {name: _values(schema) for name, schema in _parts(cls).items()}
    return st.fixed_dictionaries(parts).map(lambda parts: {**envelope, **parts})


def _lost(raw: Any, body: Any, at: str = "") -> list[str]:
    """Paths of what was read but is not written, or is written otherwise."""
    if isinstance(raw, dict) and isinstance(body, dict):
        return [p for k, v in raw.items() for p in ([f"{at}.{k}"] if k not in body else _lost(v, body[k], f"{at}.{k}"))]
    if isinstance(raw, list) and isinstance(body, list) and len(raw) == len(body):
        return [p for i, (a, b) in enumerate(zip(raw, body, strict=True)) for p in _lost(a, b, f"{at}[{i}]")]
    return [] if raw == body else [f"{at}: {raw!r} became {body!r}"]


_PYTHON = {"string": str, "integer": int, "boolean": bool, "array": list, "object": dict}


def _misfits(schema: Schema, value: Any, at: str = "") -> list[str]:
    """What an API server would refuse by type, name, bound or choice; CEL rules are for the contract tests."""
    if type(value) is not _PYTHON[schema["type"]]:
        return [f"{at}: {value!r} is no {schema['type']}"]
    if isinstance(value, dict):
        return _misfits_of_map(schema, value, at)
    if isinstance(value, list):
        wrong = [] if schema.get("minItems", 0) <= len(value) <= schema["maxItems"] else [f"{at}: {len(value)} entries"]
        return wrong + [p for i, v in enumerate(value) for p in _misfits(schema["items"], v, f"{at}[{i}]")]
    size = len(value) if isinstance(value, str) else value
    low, high = ("minLength", "maxLength") if isinstance(value, str) else ("minimum", "maximum")
    fits = schema.get(low, size) <= size <= schema.get(high, size) and value in schema.get("enum", [value])
    return [] if fits else [f"{at}: {value!r}"]


def _misfits_of_map(schema: Schema, value: dict[str, Any], at: str) -> list[str]:
    if "properties" not in schema:
        inner = schema.get("additionalProperties")
        return [p for k, v in value.items() for p in _misfits(inner, v, f"{at}.{k}")] if inner else []
    known = schema["properties"]
    wrong = [f"{at}.{n} is missing" for n in schema.get("required", ()) if n not in value]
    if not schema.get("x-kubernetes-preserve-unknown-fields"):
        wrong += [f"{at}.{n} is unknown" for n in value if n not in known]
    return wrong + [p for n, v in value.items() if n in known for p in _misfits(known[n], v, f"{at}.{n}")]


@pytest.mark.parametrize("cls", KINDS, ids=list(BY_KIND))
def test_nothing_that_the_schema_takes_is_lost(cls: type[ApiObject]) -> None:
    parts = _parts(cls)

    @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
    @given(_objects(cls))
    def check(raw: dict[str, Any]) -> None:
        model = cls.model_validate(raw)
        body = model.to_body()
        assert _lost(raw, body) == []
        assert [p for part in ("spec", "status") for p in _misfits(parts[part], body[part], part)] == []
        assert cls.model_validate(body) == model
        assert not [path for path in paths(body) if path.endswith("_")]

    check()


@pytest.mark.parametrize("path", sample_files(), ids=lambda p: str(p.relative_to(ROOT)))
def test_samples_are_read_without_loss(path: Any) -> None:
    for raw in documents(path):
        if raw["kind"] in BY_KIND:
            assert _lost(raw, BY_KIND[raw["kind"]].model_validate(raw).to_body()) == []


def test_fields_of_a_newer_version_are_ignored() -> None:
    raw = next(d for d in documents(ROOT / "samples/reference/workload-health.yaml"))
    newer = {**raw, "spec": {**raw["spec"], "tomorrow": 1}}
    assert BY_KIND[raw["kind"]].model_validate(newer).spec == BY_KIND[raw["kind"]].model_validate(raw).spec  # type: ignore[attr-defined]
