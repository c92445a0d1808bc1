"""Build the binaries from Go modules, once for each version of the sources, with a progress bar that is real."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

from policloud.testing.controlplane.gobuild import Target, compile_target
from policloud.testing.controlplane.lock import exclusive
from policloud.testing.controlplane.progress import Progress, progress_on_stderr
from policloud.testing.controlplane.sources import Sources
from policloud.testing.controlplane.toolchain import find_go

# The binary acts as the program under whose name it is started.
KUBE_NAMES = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
_KWOK_PACKAGE = "sigs.k8s.io/kwok/cmd/kwok"


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
        kube = Target("Kubernetes and etcd", sources.kube, ".", temporary / "kube", sources.link_flags)
        kwok = Target("kwok", sources.kwok, _KWOK_PACKAGE, temporary / "kwok", "-s -w")
        for target in (kube, kwok):
            compile_target(go, target, progress)
        for name in KUBE_NAMES:
            (temporary / name).symlink_to("kube")
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    progress.say(f"built in {time.monotonic() - begin:.0f} s, kept in {folder}")
