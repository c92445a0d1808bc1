"""The real helm: POLICLOUD_HELM, PATH if it is new enough, the project's cache; else built from its Go module, once."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import policloud
from policloud.testing.controlplane.errors import ControlPlaneError
from policloud.testing.controlplane.gotool import GoTool
from policloud.testing.controlplane.sources import cache_folder

OLDEST = (4, 1, 4)  # server-side apply as our charts want it, and no known hole
_MODULE = "helm.sh/helm/v4"
_PACKAGE = f"{_MODULE}/cmd/helm"


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
    return tool().program()


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


def tool() -> GoTool:
    """Our own build of it, which says the version that go.mod pins."""
    bare = GoTool("helm", _sources(), _PACKAGE)
    return replace(bare, link_flags=f"-s -w -X {_MODULE}/internal/version.version={bare.pinned(_MODULE)}")


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
