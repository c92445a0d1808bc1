"""What keeps the house easy to live in: short files, one direction of imports, nothing of the builder's machine."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
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
_STRANGE = {
    "a path of somebody's machine": re.compile(
        r"(?<![\w.])/(?:home|root|Users|work)/[\w.-]+|(?:^|[^\w.])/(?:work|fa[r]m)/|/roo[t]/"
    ),
    "a package registry": re.compile(
        r"py[p]i\.org|python[h]osted|proxy\.go[l]ang|registry\.np[m]js|deb\.deb[i]an|crate[s]\.io|repo1?\.ma[v]en"
        r"|index-url\s*=|GOPROXY\s*=\s*https"
    ),
    "an image registry": re.compile(r"\b(?:docker\.io|quay\.io|gcr\.io|ghcr\.io|registry\.k8s\.io|nvcr\.io)\b"),
    "a temporary folder": re.compile(r"(?<![\w.])/tmp/(?!x\b)[\w.-]+"),
}
# An image without a host means docker.io to every container runtime, so a mandate has to know that name; it also is the
# name of Debian's package
_MEANT = {
    "an image registry": {
        ROOT / "operator/policloud/domain/federation/mandate.py",
        ROOT / "tests/unit/domain/federation/test_mandate.py",
        ROOT / "hack/kind/dockerd.sh",
        Path(__file__),
    }
}


@pytest.mark.parametrize("what", _STRANGE)
def test_nothing_of_one_machine_is_in_our_files(what: str) -> None:
    found = []
    for path in _ours():
        if path in _MEANT.get(what, ()) or path.suffix in {".sum", ".svg", ".png"}:
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if match := _STRANGE[what].search(line):
                found.append(f"{path.relative_to(ROOT)}:{number}: {match[0]}")
    assert not found, what


def _locked(name: str) -> dict[str, str]:
    """Package and version, as the file pins them, with the hashes of its archives."""
    text = (ROOT / name).read_text()
    assert "://" not in text
    blocks = re.split(r"\n(?=\S)", "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#")))
    return {b.split(" ", 1)[0]: " ".join(b.split()[1:]) for b in blocks if b.strip()}


@pytest.mark.parametrize("name", ["requirements.lock", "requirements.runtime.lock"])
def test_dependencies_are_locked_by_hash_and_name_no_index(name: str) -> None:
    locked = _locked(name)
    assert len(locked) > 20
    assert not [pin for pin, rest in locked.items() if "==" not in pin or "--hash=sha256:" not in rest]


def test_the_image_gets_what_was_tested() -> None:
    tested, shipped = _locked("requirements.lock"), _locked("requirements.runtime.lock")
    hashes = {pin: re.findall(r"sha256:\w+", rest) for pin, rest in tested.items()}
    assert not {pin for pin, rest in shipped.items() if re.findall(r"sha256:\w+", rest) != hashes.get(pin)}, "make lock"
    assert not [pin for pin in shipped if pin.startswith(("pytest", "hypothesis", "mypy", "ruff", "kubernetes="))]


def test_license_is_the_one_we_name() -> None:
    named = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert named["license"] == "Apache-2.0"
    text = (ROOT / "LICENSE").read_text()
    assert "Apache License" in text
    assert "Version 2.0" in text


def test_what_the_wheel_takes_is_there() -> None:
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    sources = [*wheel["packages"], *wheel["force-include"]]
    assert not [s for s in sources if not any(p.is_relative_to(ROOT / s) for p in _ours())]


def test_every_module_can_be_imported() -> None:
    # In a process of its own: importing everything here would hide what a test forgot to import
    modules = [
        ".".join(p.relative_to(ROOT / "operator").with_suffix("").parts).removesuffix(".__init__")
        for p in _of("operator", suffixes=(".py",))
        if p.name != "__main__.py"
    ]
    code = (
        "import importlib, operator, sys\n"
        "assert operator.itemgetter, 'operator is not the standard library'\n"
        "for name in sys.stdin.read().split(): importlib.import_module(name)\n"
    )
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=ROOT,
        input="\n".join(modules),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-2000:]


def test_import_contracts_hold() -> None:
    lint_imports = Path(sys.executable).parent / "lint-imports"
    run = subprocess.run([lint_imports, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout[-4000:] + run.stderr[-1000:]
    assert "0 broken" in run.stdout
