"""Two builds at once: one works, the other waits, and a killed holder blocks nobody."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from policloud.testing.controlplane.lock import exclusive

_HOLDER = """
import pathlib, sys
from policloud.testing.controlplane.lock import exclusive
with exclusive(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_waits_for_the_holder_and_says_so_once(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "build.lock"
    said: list[str] = []
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"

        def waiting() -> None:
            said.append("waiting")
            holder.send_signal(signal.SIGKILL)  # the kernel gives the lock back however its holder ends

        with exclusive(path, waiting=waiting):
            assert said == ["waiting"]
            assert holder.wait() == -signal.SIGKILL


def test_a_free_lock_is_taken_in_silence(tmp_path: Path) -> None:
    said: list[str] = []
    for _ in range(2):
        with exclusive(tmp_path / "lock", waiting=lambda: said.append("waiting")):
            pass
    assert said == []
