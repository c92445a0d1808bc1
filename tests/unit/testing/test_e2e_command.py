"""`make e2e` chooses its clusters by what is there, says which, and never takes less than was asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

COMMAND = Path(__file__).parents[3] / "hack" / "e2e.py"


def _run(folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Where there is neither Docker nor a way to get it; pytest only says its version."""
    clean = {key: value for key, value in os.environ.items() if key not in {"CLUSTER", "SMOKE"}}
    return subprocess.run(
        [sys.executable, COMMAND, "--version"],
        env=clean | {"PATH": str(folder)} | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_without_docker_scenarios_run_on_local_clusters_and_it_is_said(tmp_path: Path) -> None:
    done = _run(tmp_path)
    assert done.returncode == 0
    assert "WITHOUT real pods, as kind cannot be had: no Docker daemon answers" in done.stderr
    assert "scenarios on CLUSTER=local" in done.stderr
    assert "pytest" in done.stdout


def test_who_asks_for_kind_gets_kind_or_nothing(tmp_path: Path) -> None:
    done = _run(tmp_path, CLUSTER="kind")
    assert done.returncode == 3
    assert "kind cannot be had: no Docker daemon answers" in done.stderr
    assert "pytest" not in done.stdout


def test_who_asks_for_local_is_asked_nothing_about_docker(tmp_path: Path) -> None:
    done = _run(tmp_path, CLUSTER="local")
    assert done.returncode == 0
    assert "Docker" not in done.stderr


@pytest.mark.parametrize("wrong", ["docker", "Kind"])
def test_another_cluster_is_refused_with_those_that_there_are(tmp_path: Path, wrong: str) -> None:
    done = _run(tmp_path, CLUSTER=wrong)
    assert done.returncode == 1
    assert f"CLUSTER={wrong}: there are kind and local" in done.stderr
