"""Whose cluster is it? A file lock for each, held by its maker; what nobody holds was left by a process that died."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path
from typing import IO

from policloud.testing.controlplane.sources import cache_folder

PREFIX = "policloud-"


def _folder() -> Path:
    return cache_folder() / "kind" / "clusters"


class Owned:
    """A cluster's name is ours until we give it up or end, however we end."""

    def __init__(self, cluster: str, file: IO[bytes]) -> None:
        self._path, self._file = _folder() / cluster, file

    def give_up(self) -> None:
        self._path.unlink(missing_ok=True)
        self._file.close()


def own(cluster: str) -> Owned | None:
    """None if another process that lives holds it."""
    _folder().mkdir(parents=True, exist_ok=True)
    while True:
        file = (_folder() / cluster).open("ab")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return None
        with contextlib.suppress(FileNotFoundError):  # given up between our open and our lock: a file nobody sees
            if os.fstat(file.fileno()).st_ino == (_folder() / cluster).stat().st_ino:
                return Owned(cluster, file)
        file.close()
