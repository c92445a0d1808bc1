"""A kind's model → its page of the reference: every field with type, bounds and words, every rule."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from policloud.api.v1alpha1 import KINDS, ApiObject
from policloud.crdgen.crd import custom_resource_definition, resource_of

Schema = dict[str, Any]
_MADE = "<!-- made by `make crds`; edit the models instead -->"


def _escape(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def _fields(schema: Schema, path: str) -> Iterator[tuple[str, Schema, bool]]:
    """(path, schema, required) of every field below, parents first; `[]` after lists, `{}` after maps."""
    required = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        here, inner = f"{path}.{name}", field
        while True:
            if "items" in inner:
                here, inner = f"{here}[]", inner["items"]
            elif isinstance(inner.get("additionalProperties"), dict):
                here, inner = f"{here}{{}}", inner["additionalProperties"]
            else:
                break
        yield here, field, name in required
        yield from _fields(inner, here)


def _scalar(schema: Schema) -> str:
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        return "object of another API"
    if "format" in schema and schema["type"] == "string":
        return "time, RFC 3339" if schema["format"] == "date-time" else "date"
    bounds = [str(schema[b]) for b in ("minimum", "maximum") if b in schema]
    return f"{schema['type']}, {' to '.join(bounds)}" if len(bounds) == 2 else str(schema["type"])  # noqa: PLR2004 - both


def _type(schema: Schema) -> str:
    if "items" in schema:
        least = f"{schema['minItems']} to " if schema.get("minItems") else "at most "
        return f"list of {_scalar(schema['items'])}; {least}{schema['maxItems']}"
    if isinstance(schema.get("additionalProperties"), dict):
        return f"map to {_scalar(schema['additionalProperties'])}; at most {schema['maxProperties']}"
    return _scalar(schema)


def _rules(schema: Schema, path: str) -> Iterator[tuple[str, str]]:
    """(path, message) of every rule on objects; those on texts stand with their field."""
    if schema.get("type") == "object":
        yield from ((path, rule["message"]) for rule in schema.get("x-kubernetes-validations", ()))
    for name, field in schema.get("properties", {}).items():
        inner, here = field, f"{path}.{name}" if path else name
        while "items" in inner:
            inner, here = inner["items"], f"{here}[]"
        yield from _rules(inner, here)


def _words(schema: Schema) -> str:
    """The description, and what a text must look like."""
    inner = schema
    while "items" in inner:
        inner = inner["items"]
    said = [rule["message"] for rule in inner.get("x-kubernetes-validations", ()) if inner.get("type") == "string"]
    return _escape(" ".join([schema.get("description", ""), *(f"{text[0].upper()}{text[1:]}." for text in said)]))


def page(cls: type[ApiObject]) -> str:
    """Markdown of one kind."""
    resource, info = resource_of(cls), cls.info
    root = custom_resource_definition(cls)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    lines = [
        f"# {resource.kind}",
        _MADE,
        "",
        root["description"],
        "",
        f"`{resource.api_version}`, namespaced. In the terminal: `kubectl explain {info.short_name}.spec --recursive`.",
    ]
    for part in ("spec", "status"):
        schema = root["properties"][part]
        lines += ["", f"## {part}", "", schema["description"], "", "| Field | Type | |", "|---|---|---|"]
        for path, field, required in _fields(schema, ""):
            name = f"`{path[1:]}`" + (" **required**" if required else "")
            lines.append(f"| {name} | {_type(field)} | {_words(field)} |")
    lines += ["", "## Rules", "", "The API server refuses an object that breaks one, and shows the values.", ""]
    lines += [f"- {f'`{path}`: ' if path else ''}{_escape(text)}" for path, text in _rules(root, "")]
    return re.sub(r"[ \t]+\n", "\n", "\n".join(lines)) + "\n"


def files() -> dict[str, str]:
    """File name → content."""
    return {f"{cls.__name__.lower()}.md": page(cls) for cls in KINDS}


def write(directory: Path) -> list[Path]:
    """Writes every page that differs; returns those paths."""
    directory.mkdir(parents=True, exist_ok=True)
    changed = [p for n, text in files().items() if not (p := directory / n).exists() or p.read_text() != text]
    for path in changed:
        path.write_text(files()[path.name], encoding="utf-8")
    return changed
