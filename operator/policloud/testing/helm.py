"""The real helm: POLICLOUD_HELM, PATH if it is new enough, the project's cache; else built from its Go module, once."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

import policloud
from policloud.testing.controlplane.errors import ControlPlaneError
from policloud.testing.controlplane.gobuild import Target, compile_target
from policloud.testing.controlplane.lock import exclusive
from policloud.testing.controlplane.progress import progress_on_stderr
from policloud.testing.controlplane.sources import BUILD_FLAGS, cache_folder, find_sources
from policloud.testing.controlplane.toolchain import find_go

OLDEST = (4, 1, 4)  # server-side apply as our charts want it, and no known hole
_PACKAGE = "helm.sh/helm/v4/cmd/helm"


class HelmError(Exception):
    """Helm refused or failed. The text is what it printed on stderr."""


def find() -> Path:
    """The program; built if there is none, with progress on stderr.

    Raises:
        ControlPlaneError: it is nowhere and cannot be built; the text says what to do.
    """
    named = os.environ.get("POLICLOUD_HELM")
    if named:
        if complaint := _complaint(Path(named)):
            raise ControlPlaneError(f"POLICLOUD_HELM={named}: {complaint}; name another, or unset it")
        return Path(named)
    on_path = shutil.which("helm")
    if on_path and _complaint(Path(on_path)) is None:
        return Path(on_path)
    return _build(cache_folder())


def helm(*arguments: str, kubeconfig: Path | None = None, stdin: str | None = None, timeout: float = 300.0) -> str:
    """Run it and return stdout. Nothing of the user's own Helm configuration or kubeconfig is read.

    Raises:
        HelmError: it ended with an error.
    """
    answer = subprocess.run(
        [find(), *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        env=_environment(kubeconfig),
    )
    if answer.returncode != 0:
        raise HelmError(answer.stderr.strip())
    return answer.stdout


def _environment(kubeconfig: Path | None) -> Mapping[str, str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("HELM_")}
    folder = cache_folder() / "helm" / "home"
    homes = {f"HELM_{kind}_HOME": str(folder / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")}
    return own | homes | {"KUBECONFIG": str(kubeconfig or os.devnull)}


def _sources() -> Path:
    """`hack/helm` of a checkout, or its copy inside an installed wheel."""
    package = Path(policloud.__file__).resolve().parent
    places = (package / "helm", package.parents[1] / "hack" / "helm")
    for place in places:
        if (place / "go.mod").is_file():
            return place
    raise ControlPlaneError("the Go module of helm is missing: " + " and ".join(map(str, places)))


def _pinned(module: Path) -> str:
    found = re.search(r"helm\.sh/helm/v4 (v\S+)", (module / "go.mod").read_text())
    if found is None:
        raise ControlPlaneError(f"{module / 'go.mod'} does not require helm.sh/helm/v4; run hack/helm/update.sh again")
    return found[1]


def _link_flags(module: Path) -> str:
    return f"-s -w -X helm.sh/helm/v4/internal/version.version={_pinned(module)}"


def cache_entry(cache: Path) -> Path:
    """Where the program of these sources is, once built: the name changes with everything that changes it."""
    module = _sources()
    content = hashlib.sha256()
    for name in ("go.mod", "go.sum"):
        content.update((module / name).read_bytes() + b"\0")
    for flag in (*BUILD_FLAGS, _link_flags(module), platform.system(), platform.machine()):
        content.update(flag.encode() + b"\0")
    return cache / "helm" / content.hexdigest()[:16]


def _build(cache: Path) -> Path:
    program = cache_entry(cache) / "helm"
    if program.exists():
        return program
    lock = program.parent.with_name(f"{program.parent.name}.lock")
    with (
        progress_on_stderr() as progress,
        exclusive(lock, waiting=lambda: progress.say("another process builds helm; waiting for it")),
    ):
        if program.exists():
            return program
        module, begin = _sources(), time.monotonic()
        go = find_go(find_sources(), cache)
        progress.say(f"building helm {_pinned(module)} with {go.described}, once: about a minute")
        unfinished = program.with_name("unfinished")
        compile_target(go, Target("helm", module, _PACKAGE, unfinished, _link_flags(module)), progress)
        unfinished.rename(program)
        progress.say(f"built in {time.monotonic() - begin:.0f} s, kept in {program.parent}")
    return program


def _complaint(program: Path) -> str | None:
    try:
        answer = subprocess.run(
            [program, "version", "--template", "{{.Version}}"], capture_output=True, text=True, timeout=30, check=False
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        return f"it does not run ({error})"
    match = re.search(r"v(\d+)\.(\d+)\.(\d+)", answer)
    if match is None:
        return "it does not say its version"
    version = tuple(map(int, match.groups()))
    oldest = ".".join(map(str, OLDEST))
    return None if version >= OLDEST else f"it is {match[0]}, needed is v{oldest} or newer"
