"""JSON schema → structural schema: references inlined, null dropped, everything bounded, nothing unknown let through.

What an API server would refuse, or silently prune, is refused here, with the path of the field.
"""

from __future__ import annotations

from typing import Any

from policloud.api.v1alpha1.schema import FORM_KEY, PERSISTED_KEY, Rule

Schema = dict[str, Any]

_KEPT = (
    "description", "type", "format", "enum", "pattern", "minLength", "maxLength", "minimum", "maximum", "minItems",
    "maxItems", "minProperties", "maxProperties", "default", "required", "properties", "items", "additionalProperties",
    "x-kubernetes-list-type", "x-kubernetes-list-map-keys", "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-validations",
)  # fmt: skip
_DROPPED = {"title", "$defs", "$ref", "anyOf", "const", PERSISTED_KEY, FORM_KEY}
_FORMATS = {"date", "date-time"}


class NotStructuralError(ValueError):
    """A field that a CustomResourceDefinition cannot express; the message begins with its path."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path or '(root)'}: {problem}")


def structural(schema: Schema) -> Schema:
    """The structural schema of a JSON schema with `$defs`.

    Raises:
        NotStructuralError: with the path of the first field that cannot be expressed.
    """
    return _Pass(schema.get("$defs", {})).walk(schema, "", ())


def _in_words(pattern: str, words: str) -> Rule:
    """A rule in place of a pattern, as what the API server says of a pattern is the regular expression."""
    literal = pattern.replace("\\", "\\\\")
    return Rule(f"self.matches('{literal}')", f"must be {words}", f"'must be {words}, not ' + self")


class _Pass:
    def __init__(self, definitions: dict[str, Schema]) -> None:
        self._definitions = definitions

    def walk(self, schema: Schema, path: str, inside: tuple[str, ...]) -> Schema:
        schema, inside = self._resolve(schema, path, inside)
        unknown = sorted(set(schema) - set(_KEPT) - _DROPPED)
        if unknown:
            raise NotStructuralError(path, f"{', '.join(unknown)} cannot be expressed in a structural schema")
        out = dict(schema)
        if "const" in out:
            out["enum"] = [out["const"]]
        if not out.pop(PERSISTED_KEY, False):
            out.pop("default", None)
        check = getattr(self, f"_{out.get('type')}", None)
        if check is None:
            allowed = "object, array, string, integer, boolean"
            raise NotStructuralError(path, f"type {out.get('type')!r} is not one of {allowed}")
        check(out, path, inside)
        return {key: out[key] for key in _KEPT if key in out}

    def _resolve(self, schema: Schema, path: str, inside: tuple[str, ...]) -> tuple[Schema, tuple[str, ...]]:
        """Follows `$ref` and drops the null branch of optionals; keys beside them win."""
        while "$ref" in schema or "anyOf" in schema:
            beside = {k: v for k, v in schema.items() if k not in ("$ref", "anyOf")}
            if "$ref" in schema:
                name = schema["$ref"].rsplit("/", 1)[-1]
                if name in inside:
                    raise NotStructuralError(path, f"{name} contains itself")
                inside = (*inside, name)
                target = self._definitions[name]
            else:
                branches = [b for b in schema["anyOf"] if b.get("type") != "null"]
                if len(branches) != 1:
                    raise NotStructuralError(path, "a union of types; use one field for each and a rule")
                target = branches[0]
                if beside.get("default", ...) is None:
                    del beside["default"]
            schema = {**target, **beside}
        return schema, inside

    def _object(self, out: Schema, path: str, inside: tuple[str, ...]) -> None:
        if "properties" in out:
            out["properties"] = {
                name: self.walk(value, f"{path}.{name}" if path else name, inside)
                for name, value in out["properties"].items()
            }
            if "additionalProperties" in out:
                raise NotStructuralError(path, "named fields and any others at once")
        elif out.get("x-kubernetes-preserve-unknown-fields"):
            out.pop("additionalProperties", None)
        elif isinstance(out.get("additionalProperties"), dict):
            if "maxProperties" not in out:
                raise NotStructuralError(path, "a map without a bound; give it max_length")
            out["additionalProperties"] = self.walk(out["additionalProperties"], f"{path}[*]", inside)
        else:
            raise NotStructuralError(path, "an object without fields; mark it Embedded()")
        if not out.get("required"):
            out.pop("required", None)

    def _array(self, out: Schema, path: str, inside: tuple[str, ...]) -> None:
        if not isinstance(out.get("items"), dict):
            raise NotStructuralError(path, "a tuple of different types")
        if "maxItems" not in out:
            raise NotStructuralError(path, "a list without a bound; give it max_length")
        out["items"] = self.walk(out["items"], f"{path}[*]", inside)
        is_object = out["items"]["type"] == "object"
        kind = out.get("x-kubernetes-list-type")
        if kind is None:
            raise NotStructuralError(path, "a list without a kind; mark it MapOf(keys), SetOf() or Atomic()")
        if kind == "set" and is_object:
            raise NotStructuralError(path, "a set of objects; mark it MapOf(keys)")
        if kind == "map":
            self._keys(out, path)

    @staticmethod
    def _keys(out: Schema, path: str) -> None:
        items = out["items"]
        for key in out["x-kubernetes-list-map-keys"]:
            if key not in items.get("properties", {}):
                raise NotStructuralError(path, f"key {key} is not a field of its entries")
            if key not in items.get("required", ()):
                raise NotStructuralError(path, f"key {key} must be required in its entries")

    @staticmethod
    def _string(out: Schema, path: str, _: tuple[str, ...]) -> None:
        if "format" in out and out["format"] not in _FORMATS:
            raise NotStructuralError(path, f"format {out['format']} is not checked by an API server")
        if not ({"enum", "format", "maxLength"} & set(out)):
            raise NotStructuralError(path, "a string without a bound; give it max_length")
        if "pattern" in out:
            if FORM_KEY not in out:
                raise NotStructuralError(path, "a pattern without words for it; mark it Form(words)")
            out["x-kubernetes-validations"] = [_in_words(out.pop("pattern"), out[FORM_KEY]).to_schema()]

    @staticmethod
    def _integer(out: Schema, path: str, _: tuple[str, ...]) -> None:
        if "minimum" not in out:
            raise NotStructuralError(path, "an integer without a lower bound; give it ge")
        out["format"] = "int64"

    @staticmethod
    def _boolean(out: Schema, path: str, _: tuple[str, ...]) -> None:
        if "enum" in out:
            raise NotStructuralError(path, "a boolean that may have one value only")
