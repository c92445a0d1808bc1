"""Named processes of one directory: started, found again by a later process, stopped.

A record on disk holds pid *and* start time, so that a recycled pid is never taken for ours, let alone killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from policloud.testing.controlplane.errors import ControlPlaneError, last_lines
from policloud.testing.controlplane.spawn import spawn

_POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Record:
    pid: int
    started: int  # field 22 of /proc/PID/stat: clock ticks after boot
    command: list[str]


def start_ticks(pid: int) -> int | None:
    """When that process began, or None if it is gone or a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    state, *fields = stat[stat.rindex(")") + 2 :].split()
    return None if state in "ZX" else int(fields[18])


class Processes:
    """Processes under `directory`: `run/<name>.json` says which, `logs/<name>.log` what they said."""

    def __init__(self, directory: Path, *, attached: bool = True) -> None:
        self._run = directory / "run"
        self._logs = directory / "logs"
        self._attached = attached
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def log(self, name: str) -> Path:
        return self._logs / f"{name}.log"

    def names(self) -> list[str]:
        """Every process that was started and not stopped again, alive or not."""
        return sorted(path.stem for path in self._run.glob("*.json"))

    def start(
        self,
        name: str,
        command: Sequence[str],
        *,
        environment: Mapping[str, str] | None = None,
        directory: Path | None = None,
    ) -> None:
        """Start it unless it runs already."""
        if self.alive(name):
            return
        self._run.mkdir(parents=True, exist_ok=True)
        self._logs.mkdir(parents=True, exist_ok=True)
        child = spawn(
            command, log=self.log(name), attached=self._attached, environment=environment, directory=directory
        )
        self._children[name] = child
        # A child that is gone already is a zombie until polled: its record then never matches, which is right.
        record = Record(child.pid, start_ticks(child.pid) or 0, list(command))
        path = self._run / f"{name}.json"
        temporary = path.with_suffix(".tmp")
        temporary.write_text(json.dumps(asdict(record)))
        temporary.replace(path)

    def pid(self, name: str) -> int | None:
        """Its pid, or None unless it is alive and the one we started."""
        child = self._children.get(name)
        if child is not None:
            child.poll()  # reaps
        record = self._record(name)
        if record is None or start_ticks(record.pid) != record.started:
            return None
        return record.pid

    def alive(self, name: str) -> bool:
        return self.pid(name) is not None

    def exit_code(self, name: str) -> int | None:
        """With what it ended, negative for a signal; None while it runs, or if this object did not start it."""
        child = self._children.get(name)
        return child.poll() if child is not None else None

    def check(self, name: str) -> None:
        """Raise with the end of its log unless it is alive."""
        if not self.alive(name):
            raise ControlPlaneError(f"{name} stopped by itself\n{last_lines(self.log(name))}")

    def signal(self, name: str, number: signal.Signals) -> None:
        pid = self.pid(name)
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def wait_gone(self, name: str, seconds: float) -> bool:
        end = time.monotonic() + seconds
        while self.alive(name):
            if time.monotonic() > end:
                return False
            time.sleep(_POLL_SECONDS)
        return True

    def stop(self, name: str, *, seconds: float = 15.0) -> None:
        """SIGTERM, then SIGKILL after `seconds`. Returns when it is gone; no error if it never ran."""
        self.signal(name, signal.SIGTERM)
        if not self.wait_gone(name, seconds):
            self.kill(name)
        self._forget(name)

    def kill(self, name: str) -> None:
        """SIGKILL, and wait until it is gone."""
        self.signal(name, signal.SIGKILL)
        if not self.wait_gone(name, 10.0):
            raise ControlPlaneError(f"{name} (pid {self.pid(name)}) does not die; see {self.log(name)}")
        self._forget(name)

    def _forget(self, name: str) -> None:
        (self._run / f"{name}.json").unlink(missing_ok=True)
        self._children.pop(name, None)

    def _record(self, name: str) -> Record | None:
        try:
            return Record(**json.loads((self._run / f"{name}.json").read_text()))
        except (OSError, ValueError, TypeError):
            return None
