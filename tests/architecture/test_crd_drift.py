"""crds/ and the reference say what the models say, small enough for kubectl apply, each rule with the values."""

from __future__ import annotations

import functools
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from policloud.api.v1alpha1 import KINDS
from policloud.crdgen import crd, pages

ROOT = Path(__file__).parents[2]
CRDS = ROOT / "crds"
PAGES = ROOT / "docs" / "reference" / "api"
WRONG = ROOT / "tests" / "contract" / "wrong"
FILES = crd.files()
NAMES = sorted(FILES)


def test_nothing_else_is_there() -> None:
    assert sorted(p.name for p in CRDS.iterdir()) == NAMES
    assert len(NAMES) == len(KINDS) == 6


@pytest.mark.parametrize("name", NAMES)
def test_file_is_up_to_date(name: str) -> None:
    assert (CRDS / name).read_text(encoding="utf-8") == FILES[name], "run: make crds"


def test_the_output_does_not_hang_on_the_order_of_sets(tmp_path: Path) -> None:
    for seed in ("1", "2"):
        command = [sys.executable, "-m", "policloud.crdgen", str(tmp_path / seed), "--docs", str(tmp_path / seed)]
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, "PYTHONHASHSEED": seed})
    first, second = ({p.name: p.read_bytes() for p in (tmp_path / seed).iterdir()} for seed in ("1", "2"))
    assert len(first) >= 2 * len(KINDS)
    assert first == second


@pytest.mark.parametrize(("name", "text"), pages.files().items())
def test_page_of_the_reference_is_up_to_date(name: str, text: str) -> None:
    assert (PAGES / name).read_text(encoding="utf-8") == text, "run: make crds"


@pytest.mark.parametrize("name", NAMES)
def test_file_is_small(name: str) -> None:
    # kubectl apply keeps a copy in an annotation, and those may take 256 KiB together
    assert (CRDS / name).stat().st_size < 200 * 1024


def _nodes(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, inner in schema.get("properties", {}).items():
        yield from _nodes(inner, f"{path}.{name}")
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            yield from _nodes(schema[key], f"{path}[*]")


@functools.cache
def _schema(name: str) -> dict[str, Any]:
    cls = next(c for c in KINDS if name.startswith(f"{crd.resource_of(c).plural}."))
    schema: dict[str, Any] = crd.custom_resource_definition(cls)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return schema


@pytest.mark.parametrize("name", NAMES)
def test_every_rule_has_both_messages(name: str) -> None:
    for path, node in _nodes(_schema(name)):
        for rule in node.get("x-kubernetes-validations", ()):
            assert rule["message"], path
            assert "self" in rule["messageExpression"], f"{path}: {rule['rule']} shows no value"


@pytest.mark.parametrize("name", NAMES)
def test_every_field_is_described(name: str) -> None:
    fields = [
        (path, node)
        for path, node in _nodes(_schema(name))
        if path.startswith((".spec.", ".status.")) and "[*]" not in path[-3:]
    ]
    assert not [path for path, node in fields if not node.get("description")]


@pytest.mark.parametrize("name", NAMES)
def test_every_rule_is_tried_by_a_wrong_manifest(name: str) -> None:
    said = "\n".join(p.read_text(encoding="utf-8") for p in WRONG.glob("*.yaml"))
    for path, node in _nodes(_schema(name)):
        for rule in node.get("x-kubernetes-validations", ()):
            texts = re.findall(r"'([^']*)'", rule["messageExpression"])
            stem = max((piece for t in texts for piece in t.replace("%%", "%").split("%s")), key=len)
            assert stem.replace("'", "''") in said, (
                f"{path}: no case in tests/contract/wrong is refused by: {rule['rule']}"
            )
