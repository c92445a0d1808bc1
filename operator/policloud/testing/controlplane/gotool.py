"""Small programs, each from a Go module of its own: built once for each content, kept in the project's cache."""

from __future__ import annotations

import hashlib
import platform
import re
import time
from dataclasses import dataclass
from pathlib import Path

from policloud.testing.controlplane.errors import ControlPlaneError
from policloud.testing.controlplane.gobuild import Target, compile_target
from policloud.testing.controlplane.lock import exclusive
from policloud.testing.controlplane.progress import progress_on_stderr
from policloud.testing.controlplane.sources import BUILD_FLAGS, cache_folder, find_sources
from policloud.testing.controlplane.toolchain import find_go

_SOURCES = {".go", ".mod", ".sum"}


@dataclass(frozen=True, slots=True)
class GoTool:
    """`name`, built from `package` in the module at `folder`. `takes`: how long that is, in words, from nothing."""

    name: str
    folder: Path
    package: str
    link_flags: str = "-s -w"
    takes: str = "about a minute"

    def cache_entry(self) -> Path:
        """Where the program of these sources is, once built."""
        content = hashlib.sha256()
        for path in sorted(path for path in self.folder.glob("*") if path.suffix in _SOURCES):
            content.update(f"{path.name}\0".encode() + path.read_bytes() + b"\0")
        for text in (self.package, *BUILD_FLAGS, self.link_flags, platform.system(), platform.machine()):
            content.update(text.encode() + b"\0")
        return cache_folder() / self.name / content.hexdigest()[:16]

    def program(self) -> Path:
        """It, built if it is not there, with progress on stderr. Raises ControlPlaneError."""
        program = self.cache_entry() / self.name
        if program.exists():
            return program
        lock = program.parent.with_name(f"{program.parent.name}.lock")
        with (
            progress_on_stderr() as progress,
            exclusive(lock, waiting=lambda: progress.say(f"another process builds {self.name}; waiting for it")),
        ):
            if program.exists():
                return program
            begin = time.monotonic()
            go = find_go(find_sources(), cache_folder(), oldest=self._go_version())
            progress.say(f"building {self.name} with {go.described}, once: {self.takes}")
            program.parent.mkdir(parents=True, exist_ok=True)
            unfinished = program.with_name("unfinished")
            target = Target(self.name, self.folder, self.package, unfinished, self.link_flags)
            compile_target(go, target, progress)
            unfinished.rename(program)
            progress.say(f"built in {time.monotonic() - begin:.0f} s, kept in {program.parent}")
        return program

    def pinned(self, module: str) -> str:
        """The version of `module` in go.mod, like v0.17.5."""
        return self._find(rf"{re.escape(module)} (v\S+)")

    def _go_version(self) -> tuple[int, ...]:
        return tuple(int(part) for part in self._find(r"(?m)^go (\S+)").split("."))

    def _find(self, pattern: str) -> str:
        path = self.folder / "go.mod"
        match = re.search(pattern, path.read_text())
        if match is None:
            raise ControlPlaneError(f"{path}: nothing matches {pattern!r}; write it anew with go mod tidy")
        return match[1]
