"""The commands of the tutorial, as written, against a hub with one site."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pages import ROOT, runnable

TUTORIAL = ROOT / "docs" / "tutorials" / "first-federation.md"


def test_the_commands_of_the_tutorial_work(make_federation: Callable[..., Any], tmp_path: Path) -> None:
    federation = make_federation(only=("dijon",))
    kubectl = tmp_path / "kubectl"
    kubectl.symlink_to(federation.plane("hub").binaries.path("kubectl"))
    path = f"{tmp_path}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "KUBECONFIG": str(federation.kubeconfig("hub")), "PATH": path}
    commands = runnable(TUTORIAL)
    assert len(commands) > 5
    for command in commands:
        done = subprocess.run(  # noqa: S602 - our own page, as a reader would paste it
            command, shell=True, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr
