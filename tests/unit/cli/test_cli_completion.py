"""Completion: of verbs and options at once, of workloads from the cluster, in the form that kubectl expects."""

from __future__ import annotations

from pathlib import Path

import pytest

from clifleet import hub, invoke
from policloud.cli.completion import kubectl_lines
from policloud.cli.main import VERBS


def test_kubectl_gets_verbs_with_their_help_and_no_files() -> None:
    lines = kubectl_lines([""])
    assert [line.split("\t")[0] for line in lines[:-1]] == sorted(VERBS)
    assert lines[-1] == ":4"


def test_kubectl_gets_what_begins_like_the_word() -> None:
    assert [line.split("\t")[0] for line in kubectl_lines(["t"])[:-1]] == ["top", "tree"]
    assert "--all" in [line.split("\t")[0] for line in kubectl_lines(["why", "--a"])]


def test_kubectl_may_complete_files_where_a_file_is_meant() -> None:
    assert kubectl_lines(["top", "--kubeconfig", ""])[-1] == ":0"


def test_an_unreachable_cluster_completes_to_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBECONFIG", raising=False)
    assert kubectl_lines(["why", ""]) == [":4"]


def test_every_shell_has_its_script() -> None:
    for shell, word in (("bash", "complete "), ("zsh", "compdef"), ("fish", "complete ")):
        result = invoke(hub(), "completion", shell)
        assert result.exit_code == 0
        assert word in result.output
        assert "_POLICLOUD_COMPLETE" in result.output
