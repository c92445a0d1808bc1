"""What keeps the house easy to live in: short files, one direction of imports, nothing of the builder's machine."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CEILING = 400


@cache
def _ours() -> list[Path]:
    """Files under version control, and new ones that are not ignored."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    return [path for name in found if name and (path := ROOT / name).is_file()]


def _of(*folders: str, suffixes: tuple[str, ...]) -> list[Path]:
    return [p for p in _ours() if p.relative_to(ROOT).parts[0] in folders and p.suffix in suffixes]


def test_no_file_is_too_long() -> None:
    files = _of("operator", "tests", "hack", suffixes=(".py", ".go", ".sh"))
    assert len(files) > 100
    too_long = {str(p.relative_to(ROOT)): n for p in files if (n := len(p.read_text().splitlines())) > CEILING}
    assert not too_long, f"over {CEILING} lines; one idea a file"


def test_operator_is_a_source_root() -> None:
    # As a package it would hide the standard library's `operator`
    assert not (ROOT / "operator" / "__init__.py").exists()


def test_tests_are_no_packages() -> None:
    assert not [p for p in _of("tests", suffixes=(".py",)) if p.name == "__init__.py"]


def test_names_of_test_files_are_unique() -> None:
    names = [p.name for p in _of("tests", suffixes=(".py",)) if p.name.startswith("test_")]
    assert sorted(names) == sorted(set(names))


# Paths of one machine, and hosts that serve packages or images: neither helps on another machine
# An image without a host means docker.io to every container runtime, so a mandate has to know that name
_MEANT = {Path(__file__), ROOT / "operator/policloud/domain/federation/mandate.py"}
_STRANGE = {
    "a path of somebody's machine": re.compile(r"(?<![\w.])/(?:home|root|Users|work)/[\w.-]+"),
    "a package registry": re.compile(
        r"\b(?:pypi\.org|pythonhosted\.org|proxy\.golang\.org|registry\.npmjs\.org)\b|index-url\s*=|GOPROXY\s*=\s*https"
    ),
    "an image registry": re.compile(r"\b(?:docker\.io|quay\.io|gcr\.io|ghcr\.io|registry\.k8s\.io|nvcr\.io)\b"),
    "a temporary folder": re.compile(r"(?<![\w.])/tmp/(?!x\b)[\w.-]+"),
}


@pytest.mark.parametrize("what", _STRANGE)
def test_nothing_of_one_machine_is_in_our_files(what: str) -> None:
    found = []
    for path in _ours():
        if path in _MEANT or path.suffix in {".sum", ".svg", ".png"}:
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if match := _STRANGE[what].search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {match[0]}")
    assert not found, what


def test_import_contracts_hold() -> None:
    lint_imports = Path(sys.executable).parent / "lint-imports"
    run = subprocess.run([lint_imports, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-1000:]
    assert "0 broken" in run.stdout
