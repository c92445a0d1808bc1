"""Where helm is looked for, in which order, and what is said of one that is too old."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from policloud.testing import helm
from policloud.testing.controlplane import ControlPlaneError


def _program(path: Path, version: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'#!/bin/sh\n[ "$1" = fail ] && echo "Error: no" >&2 && exit 1\necho {version} "$KUBECONFIG"\n')
    path.chmod(0o755)
    return path


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with an empty PATH and nothing in the cache but a built helm."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("POLICLOUD_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("POLICLOUD_HELM", raising=False)
    _program(helm.tool().cache_entry() / "helm", "v4.3.1")
    return tmp_path


def test_named_before_path_before_cache(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert helm.find() == helm.tool().cache_entry() / "helm"
    on_path = _program(machine / "bin" / "helm", "v4.1.4")
    assert helm.find() == on_path
    named = _program(machine / "own" / "helm4", "v4.2.0")
    monkeypatch.setenv("POLICLOUD_HELM", str(named))
    assert helm.find() == named


@pytest.mark.parametrize("version", ["v3.19.0", "v4.1.3", "nonsense"])
def test_an_old_one_on_the_path_is_passed_over(machine: Path, version: str) -> None:
    _program(machine / "bin" / "helm", version)
    assert helm.find().is_relative_to(machine / "cache")


def test_an_old_one_that_was_named_is_refused(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLICLOUD_HELM", str(_program(machine / "old", "v3.19.0")))
    with pytest.raises(ControlPlaneError, match=r"old: it is v3\.19\.0, needed is v4\.1\.4 or newer; name another, or"):
        helm.find()
    monkeypatch.setenv("POLICLOUD_HELM", str(machine / "nowhere"))
    with pytest.raises(ControlPlaneError, match="it does not run"):
        helm.find()


def test_no_kubeconfig_of_the_user_is_read(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "theirs")
    assert helm.helm("list").split() == ["v4.3.1", os.devnull]
    assert helm.helm("list", kubeconfig=machine / "ours").split()[1] == str(machine / "ours")
    with pytest.raises(helm.HelmError, match="Error: no"):
        helm.helm("fail")
