"""Start a child so that it dies with us, even if we are killed with SIGKILL.

PR_SET_PDEATHSIG is the only means that survives `kill -9` of the parent, and it has two traps: the signal follows the
parent *thread*, not the process, and a parent that dies before the child has asked for it is never noticed. So every
child is started by one thread that lives as long as the process, and a tiny launcher compares getppid() after asking.
A launcher rather than `preexec_fn`: Python code between fork and exec may deadlock in a process with threads.
"""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from pathlib import Path

_LAUNCHER = """
import ctypes, os, sys
parent = int(sys.argv[1])
if parent:
    if ctypes.CDLL(None, use_errno=True).prctl(1, 9, 0, 0, 0) != 0:
        sys.exit("prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:
        sys.exit("the parent died first")
try:
    os.execv(sys.argv[2], sys.argv[2:])
except OSError as error:
    sys.exit(f"cannot start {sys.argv[2]}: {error.strerror}")
"""

_Job = tuple[Sequence[str], Mapping[str, str], Path | None, Path, "Future[subprocess.Popen[bytes]]"]


class _Spawner:
    """The thread whose children live and die with this process."""

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._pid = 0
        self._lock = threading.Lock()

    def submit(self, job: _Job) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._thread is None or self._pid != os.getpid():  # a forked copy has no threads of its parent's
                self._jobs = queue.SimpleQueue()
                self._pid = os.getpid()
                self._thread = threading.Thread(target=self._serve, name="policloud-spawner", daemon=True)
                self._thread.start()
        self._jobs.put(job)
        return job[4].result()

    def _serve(self) -> None:
        while True:
            command, environment, directory, log, future = self._jobs.get()
            try:
                future.set_result(_popen(command, environment, directory, log))
            except OSError as error:
                future.set_exception(error)


def _popen(
    command: Sequence[str], environment: Mapping[str, str], directory: Path | None, log: Path
) -> subprocess.Popen[bytes]:
    with log.open("ab", buffering=0) as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd=directory,
            start_new_session=True,  # Ctrl-C is for us alone; we stop the children in order
        )


_spawner = _Spawner()


def launched(command: Sequence[str], *, attached: bool) -> list[str]:
    """The command line that starts `command` so; attached to the thread that starts it, which has to stay."""
    parent = os.getpid() if attached else 0
    return [sys.executable, "-I", "-S", "-c", _LAUNCHER, str(parent), *command]


def spawn(
    command: Sequence[str],
    *,
    log: Path,
    attached: bool,
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start `command` (first word an absolute path), output appended to `log`.

    `attached`: the kernel kills it when this process ends, however it ends. Otherwise it lives on.
    """
    job: _Job = (
        launched(command, attached=attached),
        os.environ if environment is None else environment,
        directory,
        log,
        Future(),
    )
    return _spawner.submit(job)
