"""What runs, as rows; and the ends of logs."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from policloud.testing.local.federation import Federation

_FOLLOW_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Row:
    """`died`: it was started, nobody stopped it, and it is gone."""

    component: str
    state: Literal["running", "stopped", "died"]
    pid: int | None
    memory_mib: int | None
    log: str


def rows(federation: Federation) -> list[Row]:
    """Every component, in the order in which they start."""
    found = []
    for component in federation.components():
        processes = federation.processes_of(component)
        pid = processes.pid(component.process)
        recorded = component.process in processes.names()
        state: Literal["running", "stopped", "died"] = "running" if pid else "died" if recorded else "stopped"
        memory = _memory_mib(pid) if pid else None
        found.append(Row(component.name, state, pid, memory, str(processes.log(component.process))))
    return found


def shown_as_json(found: list[Row]) -> str:
    return json.dumps([asdict(row) for row in found], indent=2)


def shown_as_table(found: list[Row]) -> str:
    lines = [f"{'COMPONENT':<32} {'STATE':<8} {'PID':>8} {'MEMORY':>9}"]
    for row in found:
        memory = f"{row.memory_mib} MiB" if row.memory_mib is not None else ""
        lines.append(f"{row.component:<32} {row.state:<8} {row.pid or '':>8} {memory:>9}")
    total = sum(row.memory_mib or 0 for row in found)
    running = sum(row.state == "running" for row in found)
    return "\n".join([*lines, f"{running} of {len(found)} run, {total} MiB"])


def tail(path: Path, count: int) -> list[str]:
    with path.open(errors="replace") as file:
        return [line.rstrip("\n") for line in deque(file, maxlen=count)]


def follow_file(path: Path) -> Iterator[str]:
    """Lines that are appended from now on, for ever."""
    with path.open(errors="replace") as file:
        file.seek(0, 2)
        while True:
            line = file.readline()
            if line:
                yield line.rstrip("\n")
            else:
                time.sleep(_FOLLOW_SECONDS)


def _memory_mib(pid: int) -> int | None:
    """Proportional share of resident memory where the kernel tells it, else resident memory."""
    for file, key in ((f"/proc/{pid}/smaps_rollup", "Pss:"), (f"/proc/{pid}/status", "VmRSS:")):
        try:
            lines = Path(file).read_text().splitlines()
        except OSError:
            continue
        for line in lines:
            if line.startswith(key):
                return int(line.split()[1]) // 1024
    return None
