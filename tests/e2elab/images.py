"""Images of our releases in Docker's store: this checkout's, and the frozen one, built from the wheel that it was."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

from e2elab.cluster import Release
from e2elab.releases import ROOT

_ONE_AT_A_TIME = threading.Lock()
_made: dict[str, Path] = {}
_ARCHIVE = "policloud-operator.tar"


def make(release: Release) -> Path:
    """Built unless its content is there already; asked once a process. Returns the image as an archive."""
    with _ONE_AT_A_TIME:
        if release.image in _made:
            return _made[release.image]
        folder = ROOT / "build" / "image"
        command: list[str | Path] = [sys.executable, ROOT / "hack" / "image" / "build.py"]
        if release.wheel is not None:
            tag = release.image.rpartition(":")[2]
            folder /= tag
            command += ["--wheel", release.wheel, "--tag", tag, "--out", folder]
        built = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
        assert built.returncode == 0, f"hack/image/build.py: {built.stderr[-3000:]}"
        assert built.stdout.split() == [release.image], f"built {built.stdout.strip()}, wanted {release.image}"
        _made[release.image] = folder / _ARCHIVE
        return _made[release.image]
