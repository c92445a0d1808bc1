"""Build the binaries from Go modules, once for each version of the sources, with a progress bar that is real."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from policloud.testing.controlplane.errors import ControlPlaneError
from policloud.testing.controlplane.lock import exclusive
from policloud.testing.controlplane.progress import Progress, progress_on_stderr
from policloud.testing.controlplane.sources import BUILD_FLAGS, Sources
from policloud.testing.controlplane.spawn import launched
from policloud.testing.controlplane.toolchain import Go, find_go

# The binary acts as the program under whose name it is started.
KUBE_NAMES = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
_KWOK_PACKAGE = "sigs.k8s.io/kwok/cmd/kwok"
_LINK_SHARE = 0.08  # of a build's time, seen


def build(sources: Sources, cache: Path) -> Path:
    """The folder with the binaries, built now unless it is there. Safe when several processes call it at once."""
    folder = cache / "controlplane" / sources.digest()
    lock = folder.with_name(folder.name + ".lock")
    with (
        progress_on_stderr() as progress,
        exclusive(lock, waiting=lambda: progress.say("another process builds the control plane; waiting for it")),
    ):
        if not folder.exists():
            for leftover in folder.parent.glob(f"{folder.name}.*[0-9]"):  # of a build that was killed: we hold the lock
                shutil.rmtree(leftover, ignore_errors=True)
            _build_into(folder, sources, cache, progress)
    return folder


def _build_into(folder: Path, sources: Sources, cache: Path, progress: Progress) -> None:
    go = find_go(sources, cache)
    begin = time.monotonic()
    progress.say(
        f"building Kubernetes {sources.kubernetes_version} and kwok with {go.described}, once: about 4 minutes"
    )
    temporary = folder.with_name(f"{folder.name}.{os.getpid()}")
    temporary.mkdir(parents=True)
    try:
        kube = _Target("Kubernetes and etcd", sources.kube, ".", temporary / "kube", sources.link_flags)
        kwok = _Target("kwok", sources.kwok, _KWOK_PACKAGE, temporary / "kwok", "-s -w")
        for target in (kube, kwok):
            _compile(go, target, progress)
        for name in KUBE_NAMES:
            (temporary / name).symlink_to("kube")
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    progress.say(f"built in {time.monotonic() - begin:.0f} s, kept in {folder}")


@dataclass(frozen=True, slots=True)
class _Target:
    title: str
    module: Path
    package: str
    output: Path
    link_flags: str


def _compile(go: Go, target: _Target, progress: Progress) -> None:
    """Two passes: list what belongs to it (downloads), then compile, counting the packages that go build names."""
    zips = sum(1 for line in (target.module / "go.sum").read_text().splitlines() if "/go.mod " not in line)
    with progress.bar(f"{target.title}: modules", total=zips) as advance:
        stdout = _run_go(
            go,
            [
                "list",
                "-deps",
                "-mod=readonly",
                *BUILD_FLAGS,
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
                "-mod=readonly",
                *BUILD_FLAGS,
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
