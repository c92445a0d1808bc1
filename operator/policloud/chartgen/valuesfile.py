"""Values' model → values.yaml, each value with its documentation, and the table of the chart's README."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from policloud.chartgen.values.base import Section
from policloud.crdgen.jsonschema import attribute_docs

HEADER = "# Generated from operator/policloud/chartgen/values by `make charts`. Do not edit.\n"
_WIDTH = 110


@dataclass(frozen=True, slots=True)
class Entry:
    """One value: `path` is dotted; `section` if others lie in it."""

    path: str
    doc: str
    default: Any
    section: bool

    @property
    def depth(self) -> int:
        return self.path.count(".")

    @property
    def name(self) -> str:
        return self.path.rpartition(".")[2]


def entries(values: Section, prefix: str = "") -> Iterator[Entry]:
    """Every value, sections before what is in them."""
    docs = attribute_docs(type(values))
    for name, field in type(values).model_fields.items():
        value = getattr(values, name)
        path = f"{prefix}{field.alias or name}"
        if isinstance(value, Section):
            yield Entry(path, docs[name], None, section=True)
            yield from entries(value, f"{path}.")
        elif value is not None:
            yield Entry(path, docs[name], _plain(value), section=False)


def render(values: Section) -> str:
    """The file."""
    lines = [HEADER]
    for entry in entries(values):
        indent = "  " * entry.depth
        if entry.depth == 0:
            lines.append("")
        lines += [f"{indent}# {line}" for line in textwrap.wrap(entry.doc, _WIDTH - len(indent))]
        lines.append(f"{indent}{entry.name}:" + ("" if entry.section else f" {_inline(entry.default)}"))
    return "\n".join(lines) + "\n"


def table(values: Section) -> str:
    """Markdown."""
    head = ["| Value | Default | Meaning |", "|---|---|---|"]
    rows = [f"| `{e.path}` | `{_inline(e.default)}` | {_cell(e.doc)} |" for e in entries(values) if not e.section]
    return "\n".join([*head, *rows]) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _plain(value: Any) -> Any:
    if isinstance(value, Section):
        return value.model_dump(by_alias=True, exclude_none=True)
    return [_plain(entry) for entry in value] if isinstance(value, list) else value


def _inline(value: Any) -> str:
    """As it stands in values.yaml; texts always in quotes."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    text: str = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=1000)
    return text.removesuffix("...\n").strip()
