"""The docker command, and a daemon started where none answers."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from policloud.testing.controlplane.sources import cache_folder
from policloud.testing.kind.errors import KindError
from policloud.testing.kind.recipe import find_recipe

_HOW = "Install Docker and start it, or run this as root on Debian, where it is installed and started by itself."


def docker(*arguments: str, timeout: float = 120.0) -> str:
    """Run it and return stdout; KindError with what it said."""
    return run(["docker", *arguments], timeout=timeout)


def run(command: Sequence[str | Path], *, timeout: float, environment: dict[str, str] | None = None) -> str:
    program = Path(command[0]).name
    try:
        answer = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            env=os.environ | (environment or {}),
            stdin=subprocess.DEVNULL,
        )
    except FileNotFoundError:
        raise KindError(f"there is no {program} on the PATH. {_HOW if program == 'docker' else ''}".strip()) from None
    except subprocess.TimeoutExpired:
        raise KindError(f"no answer within {timeout:.0f} s: {_shown(command)}") from None
    if answer.returncode != 0:
        said = answer.stderr.strip() or answer.stdout.strip()
        raise KindError(f"{_shown(command)} failed: {said[-1500:]}")
    return answer.stdout


def complaint() -> str | None:
    """Why no clusters of kind can be had here; None if they can. Starts nothing."""
    if shutil.which("docker") and _answers():
        return None
    if os.geteuid() == 0 and shutil.which("apt-get"):
        return None  # dockerd.sh sees to it
    return f"no Docker daemon answers. {_HOW}"


def have_daemon() -> Path | None:
    """A daemon that answers; where none does, root on Debian gets one that keeps containers' traffic on the machine.

    Returns the file with the pid of one that was started, for who wants to end it; None if one answered.
    """
    if shutil.which("docker") and _answers():
        return None
    if problem := complaint():
        raise KindError(problem)
    folder = cache_folder() / "dockerd"
    run([find_recipe().folder / "dockerd.sh", folder], timeout=300)
    return folder / "pid"


def has_image(name: str) -> bool:
    try:
        docker("image", "inspect", "--format", "{{.Id}}", name)
    except KindError:
        return False
    return True


def _answers() -> bool:
    try:
        docker("version", "--format", "{{.Server.Version}}", timeout=20)
    except KindError:
        return False
    return True


def _shown(command: Sequence[str | Path]) -> str:
    return " ".join(map(str, command[:6])) + (" …" if len(command) > 6 else "")  # noqa: PLR2004 - enough to know it by
