"""Where the Go sources of the binaries are, and the name of the cache entry that belongs to them."""

from __future__ import annotations

import hashlib
import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path

import policloud
from policloud.testing.controlplane.errors import ControlPlaneError

BUILD_FLAGS = ("-trimpath", "-buildvcs=false")


@dataclass(frozen=True, slots=True)
class Sources:
    """`hack/controlplane` of a checkout, or its copy inside an installed wheel."""

    folder: Path

    @property
    def kube(self) -> Path:
        return self.folder / "kube"

    @property
    def kwok(self) -> Path:
        return self.folder / "kwok"

    @property
    def go_requirements(self) -> Path:
        return self.folder / "go-requirements.txt"

    @property
    def kubernetes_version(self) -> str:
        """As go.mod pins it, like v1.37.0."""
        return self._find(self.kube / "go.mod", r"k8s\.io/kubernetes (v\S+)")

    @property
    def go_version(self) -> tuple[int, int]:
        """The oldest Go that may build this."""
        major, minor = self._find(self.kube / "go.mod", r"(?m)^go (\d+\.\d+)").split(".")
        return int(major), int(minor)

    @property
    def link_flags(self) -> str:
        version = self.kubernetes_version
        major, minor, _ = version.removeprefix("v").split(".", 2)
        package = "k8s.io/component-base/version"
        stamps = {"gitVersion": version, "gitMajor": major, "gitMinor": minor}
        return " ".join(["-s -w", *(f"-X {package}.{name}={value}" for name, value in stamps.items())])

    def digest(self) -> str:
        """Changes with everything that changes the binaries."""
        content = hashlib.sha256()
        files = [path for folder in (self.kube, self.kwok) for path in folder.glob("*") if path.is_file()]
        for path in sorted(files):
            if path.suffix in {".go", ".mod", ".sum"}:
                content.update(f"{path.relative_to(self.folder)}\0".encode())
                content.update(path.read_bytes() + b"\0")
        for flag in (*BUILD_FLAGS, self.link_flags, platform.system(), platform.machine()):
            content.update(flag.encode() + b"\0")
        return content.hexdigest()[:16]

    @staticmethod
    def _find(path: Path, pattern: str) -> str:
        match = re.search(pattern, path.read_text())
        if match is None:
            raise ControlPlaneError(f"{path}: nothing matches {pattern!r}; run hack/controlplane/update.sh again")
        return match.group(1)


def find_sources() -> Sources:
    """Those inside the installed package, else those of the checkout that this package runs from."""
    package = Path(policloud.__file__).resolve().parent
    places = (package / "controlplane", package.parents[1] / "hack" / "controlplane")
    for place in places:
        if (place / "kube" / "go.mod").is_file():
            return Sources(place)
    raise ControlPlaneError("the Go sources of the control plane are missing: " + " and ".join(map(str, places)))


def cache_folder() -> Path:
    """POLICLOUD_CACHE, else policloud below XDG_CACHE_HOME or ~/.cache."""
    own = os.environ.get("POLICLOUD_CACHE")
    if own:
        return Path(own).expanduser().resolve()
    general = os.environ.get("XDG_CACHE_HOME")
    return (Path(general) if general else Path("~/.cache").expanduser()) / "policloud"
