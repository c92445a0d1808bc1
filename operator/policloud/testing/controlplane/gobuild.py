"""One `go build`, with a progress bar that counts what the compiler names."""

from __future__ import annotations

import subprocess
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from policloud.testing.controlplane.errors import ControlPlaneError
from policloud.testing.controlplane.progress import Progress
from policloud.testing.controlplane.sources import BUILD_FLAGS
from policloud.testing.controlplane.spawn import launched
from policloud.testing.controlplane.toolchain import Go

_LINK_SHARE = 0.08  # of a build's time, seen


@dataclass(frozen=True, slots=True)
class Target:
    title: str
    module: Path
    package: str
    output: Path
    link_flags: str
    tags: tuple[str, ...] = ()
    cgo: bool = False

    @property
    def flags(self) -> tuple[str, ...]:
        """What listing and compiling have to agree on."""
        return ("-mod=readonly", *BUILD_FLAGS, "-tags", ",".join(self.tags))


def compile_target(go: Go, target: Target, progress: Progress) -> None:
    """Two passes: list what belongs to it (downloads), then compile, counting the packages that go build names."""
    if target.cgo:
        go = replace(go, environment=go.environment | {"CGO_ENABLED": "1"})
    zips = sum(1 for line in (target.module / "go.sum").read_text().splitlines() if "/go.mod " not in line)
    with progress.bar(f"{target.title}: modules", total=zips) as advance:
        stdout = _run_go(
            go,
            [
                "list",
                "-deps",
                *target.flags,
                "-f",
                "{{if .Stale}}{{.ImportPath}}{{end}}",
                target.package,
            ],
            target.module,
            lambda line: advance(1) if line.startswith("go: downloading") else None,
        )
    stale = {line for line in stdout.splitlines() if line}
    with progress.bar(f"{target.title}: packages", total=len(stale) / (1 - _LINK_SHARE)) as advance:
        _run_go(
            go,
            [
                "build",
                "-v",
                *target.flags,
                "-ldflags",
                target.link_flags,
                "-o",
                str(target.output),
                target.package,
            ],
            target.module,
            lambda line: advance(1) if line in stale else None,
        )


def _run_go(go: Go, arguments: Sequence[str], module: Path, on_line: Callable[[str], None]) -> str:
    """Run it; `on_line` sees each line of stderr. Returns stdout; raises with the end of stderr."""
    process = subprocess.Popen(
        launched([str(go.program), *arguments], attached=True),
        cwd=module,
        env=go.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stderr is not None  # noqa: S101, PT018 - asked for
    output: list[str] = []
    stdout = process.stdout
    reader = threading.Thread(target=lambda: output.append(stdout.read()), daemon=True)
    reader.start()
    tail: deque[str] = deque(maxlen=6)
    try:
        for line in process.stderr:
            tail.append(line.strip())
            on_line(line.strip())
        process.wait()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        reader.join()
        process.stdout.close()
        process.stderr.close()
    if process.returncode != 0:
        raise ControlPlaneError(f"go {arguments[0]} failed in {module}: {' | '.join(tail)[:1200]}")
    return "".join(output)
