"""Processes by name: found again by another object, never mistaken for a stranger with the same pid."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from policloud.testing.controlplane import ControlPlaneError
from policloud.testing.controlplane.processes import Processes, start_ticks

_PYTHON = (sys.executable, "-I", "-S", "-c")
_WAITS = (*_PYTHON, "import signal; print('up', flush=True); signal.pause()")
_STUBBORN = (
    *_PYTHON,
    "import signal; signal.signal(15, signal.SIG_IGN); print('up', flush=True)\nwhile 1: signal.pause()",
)


def _wait_for_log(processes: Processes, name: str, text: str) -> None:
    while text not in processes.log(name).read_text():
        processes.check(name)
        os.sched_yield()


def test_a_later_object_finds_and_stops_it(tmp_path: Path) -> None:
    first = Processes(tmp_path)
    first.start("worker", _WAITS)
    pid = first.pid("worker")
    later = Processes(tmp_path)
    assert later.pid("worker") == pid
    assert later.names() == ["worker"]
    assert first.alive("worker")
    later.stop("worker")
    assert not first.alive("worker")
    assert later.names() == []


def test_starting_twice_starts_once(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    processes.start("worker", _WAITS)
    pid = processes.pid("worker")
    processes.start("worker", _WAITS)
    assert processes.pid("worker") == pid
    processes.kill("worker")


def test_a_recycled_pid_is_not_ours(tmp_path: Path) -> None:
    with subprocess.Popen(_WAITS, stdout=subprocess.DEVNULL) as stranger:
        (tmp_path / "run").mkdir()
        record = {"pid": stranger.pid, "started": (start_ticks(stranger.pid) or 0) - 1, "command": ["x"]}
        (tmp_path / "run" / "worker.json").write_text(json.dumps(record))
        processes = Processes(tmp_path)
        assert processes.pid("worker") is None
        processes.stop("worker")
        processes.kill("worker")
        assert stranger.poll() is None
        stranger.kill()


def test_one_that_ignores_sigterm_is_killed(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    processes.start("worker", _STUBBORN)
    _wait_for_log(processes, "worker", "up")
    processes.stop("worker", seconds=0.1)
    assert not processes.alive("worker")


def test_the_end_of_its_log_is_quoted_when_it_dies(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    processes.start("worker", (*_PYTHON, "raise SystemExit('no such flag: --nonsense')"))
    assert processes.wait_gone("worker", 10)
    with pytest.raises(ControlPlaneError, match=r"(?s)worker stopped by itself.*no such flag: --nonsense"):
        processes.check("worker")


def test_a_program_that_is_not_there_says_so(tmp_path: Path) -> None:
    processes = Processes(tmp_path)
    processes.start("worker", ("/nowhere/program",))
    assert processes.wait_gone("worker", 10)
    with pytest.raises(ControlPlaneError, match="cannot start /nowhere/program: No such file"):
        processes.check("worker")


def test_a_damaged_record_is_no_process(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "worker.json").write_text("{")
    assert Processes(tmp_path).pid("worker") is None
