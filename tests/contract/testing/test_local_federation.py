"""`policloud local` as people use it: up, cut, killed, started again, down; and nothing is ever left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from policloud.cli.local import command
from policloud.testing.controlplane.processes import start_ticks
from policloud.testing.local import Federation, LocalError

_STARTER = """
import pathlib, sys
from policloud.testing.local import Federation
Federation.create(pathlib.Path(sys.argv[1]), only=["dijon"], attached=True).up()
print("up", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def started(tmp_path: Path) -> Iterator[tuple[Path, subprocess.Popen[str]]]:
    """A hub and one site, attached to a process that can be killed."""
    root = tmp_path / "federation"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    arguments = [sys.executable, "-c", _STARTER, str(root)]
    with subprocess.Popen(
        arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as starter:
        assert starter.stdout is not None
        assert starter.stdout.readline() == "up\n"
        try:
            yield root, starter
        finally:
            starter.kill()
            Federation.open(root).down()


def test_a_federation_from_up_to_kill_9(started: tuple[Path, subprocess.Popen[str]]) -> None:
    root, starter = started
    federation = Federation.open(root)
    assert {row["state"] for row in _status(root)} == {"running"}
    assert federation.kubeconfig("hub") == root / "hub.kubeconfig"
    assert "dijon-1" in federation.kubectl("dijon", "get", "policloudunits", "--all-namespaces", "--output=name")
    assert (root / "sites" / "dijon.kubeconfig").stat().st_mode & 0o077 == 0
    with pytest.raises(LocalError, match=r"a federation runs in .* end it with: policloud local down"):
        Federation.create(root)

    # A cut line is noticed on the hub, and its return too
    assert _run(root, "stop", "link:dijon") == "link:dijon is stopped\n"
    _until(lambda: _reachable(federation) == "False")
    assert [row["component"] for row in _status(root) if row["state"] == "stopped"] == ["link:dijon"]
    assert federation.alive("site:dijon")
    assert _run(root, "start", "link:dijon") == "link:dijon runs\n"
    _until(lambda: _reachable(federation) == "True")

    # Killed is told apart from stopped; both start again where they were
    address = federation.plane("hub").url
    federation.kill("hub")
    federation.stop("hub-apiserver")
    federation.start("hub-apiserver")
    federation.start("hub")
    assert federation.plane("hub").url == address
    _until(lambda: _reachable(federation) == "True")
    assert "policloud-hub" in _run(root, "logs", "hub", "--lines", "20")

    # kill -9 of whoever started it ends whatever it started
    pids = [row["pid"] for row in _status(root) if row["component"] not in {"link:dijon", "hub-apiserver", "hub"}]
    assert len(pids) == 7
    starter.send_signal(signal.SIGKILL)
    starter.wait()
    _until(lambda: not any(start_ticks(pid) for pid in pids))

    # What died by itself is shown, down ends the rest, and twice is once
    assert {row["state"] for row in _status(root, code=1)} == {"died", "running"}
    for _ in range(2):
        assert _run(root, "down").startswith("down; logs and data stay in")
    assert {row["state"] for row in _status(root)} == {"stopped"}
    assert federation.log("site:dijon").stat().st_size > 0
    assert "is down" in _run(root, "start", "hub", code=1)


def _run(root: Path, *arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(command, [*arguments, "--dir", str(root)], prog_name="policloud local")
    assert result.exit_code == code, result.output
    return result.output


def _status(root: Path, code: int = 0) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(_run(root, "status", "--output", "json", code=code))
    return found


def _reachable(federation: Federation) -> str:
    path = "/apis/policloud.io/v1alpha1/namespaces/site-dijon/sitememberships/dijon"
    body = federation.plane("hub").api.request("GET", path)
    return next(c["status"] for c in body["status"]["conditions"] if c["type"] == "Reachable")


def _until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)
