"""What the self-built node image is made of: `hack/kind` of a checkout, and the names that follow from its content."""

from __future__ import annotations

import hashlib
import platform
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import policloud
from policloud.testing.controlplane.gobuild import Target
from policloud.testing.controlplane.sources import BUILD_FLAGS, find_sources
from policloud.testing.kind.errors import KindError

# The control plane's own module and binary: only the tag is ours, and adds kubelet, kubeadm and kube-proxy.
_NODE_TAG = "node"
_SMALLER = ("no_aufs", "no_zfs", "no_btrfs", "no_devmapper")
_CONTAINERD = "github.com/containerd/containerd/v2"
_PLUGINS = "github.com/containernetworking/plugins/plugins"
_STEPS = ("debian.sh", "rootfs.sh", "images.sh", "mkimage.py", "node/*")
_PROGRAMS = {
    "containerd": {name: f"{_CONTAINERD}/cmd/{name}" for name in ("containerd", "ctr", "containerd-shim-runc-v2")},
    "cni": {
        "loopback": f"{_PLUGINS}/main/loopback",
        "ptp": f"{_PLUGINS}/main/ptp",
        "host-local": f"{_PLUGINS}/ipam/host-local",
        "portmap": f"{_PLUGINS}/meta/portmap",
    },
    "runc": {"runc": "github.com/opencontainers/runc"},
    "coredns": {"coredns": "."},
}


@dataclass(frozen=True, slots=True)
class Recipe:
    folder: Path

    @property
    def kubernetes_version(self) -> str:
        return find_sources().kubernetes_version

    @property
    def kind_version(self) -> str:
        return self._pinned("kind", "sigs.k8s.io/kind")

    @property
    def official_image(self) -> str:
        """What kind's makers publish for the same Kubernetes."""
        return f"kindest/node:{self.kubernetes_version}"

    @property
    def own_image(self) -> str:
        return f"localhost/policloud/kind-node:{self.kubernetes_version}-{self.digest()[:8]}"

    def kind(self, output: Path) -> Target:
        return Target("kind", self.folder / "go" / "kind", "sigs.k8s.io/kind", output, "-s -w")

    def programs(self, folder: Path) -> list[Target]:
        """Everything written in Go that a node runs, for `folder`."""
        sources = find_sources()
        kube = Target("Kubernetes", sources.kube, ".", folder / "kube", sources.link_flags, tags=(_NODE_TAG,))
        version = self._pinned("containerd", _CONTAINERD)
        flags = {
            "containerd": f"-s -w -X {_CONTAINERD}/version.Version={version}",
            "runc": '-s -w -extldflags "-static"',
        }
        tags = {"containerd": _SMALLER, "runc": ("seccomp", "netgo", "osusergo")}
        others = [
            Target(
                name,
                self.folder / "go" / module,
                package,
                folder / name,
                flags.get(module, "-s -w"),
                tags=tags.get(module, ()),
                cgo=module == "runc",  # for libseccomp
            )
            for module, packages in _PROGRAMS.items()
            for name, package in packages.items()
        ]
        return [kube, *others]

    def digest(self) -> str:
        """Changes with everything that changes the node image."""
        files = [path for name in _STEPS for path in self.folder.glob(name)]
        return _digest(self.folder, files, self.programs_digest())

    def programs_digest(self) -> str:
        sources = find_sources()
        files = [path for path in (self.folder / "go").rglob("*") if path.is_file()]
        described = [f"{t.package} {t.link_flags} {t.tags}" for t in self.programs(Path())]
        return _digest(self.folder, files, sources.digest(), *BUILD_FLAGS, *described, platform.machine())

    def debian_digest(self) -> str:
        return _digest(self.folder, [self.folder / "debian.sh"], platform.machine())

    def kind_digest(self) -> str:
        return _digest(self.folder, sorted((self.folder / "go" / "kind").iterdir()), platform.machine())

    def _pinned(self, module: str, path: str) -> str:
        file = self.folder / "go" / module / "go.mod"
        match = re.search(rf"{re.escape(path)} (v\S+)", file.read_text())
        if match is None:
            raise KindError(f"{file} does not require {path}; write it anew with hack/kind/update.sh")
        return match[1]


def find_recipe() -> Recipe:
    folder = Path(policloud.__file__).resolve().parents[2] / "hack" / "kind"
    if not (folder / "rootfs.sh").is_file():
        raise KindError(f"the recipe of the node image is not there: {folder}; work in a checkout of the project")
    return Recipe(folder)


def _digest(folder: Path, files: Iterable[Path], *texts: str) -> str:
    content = hashlib.sha256()
    for path in sorted(files):
        content.update(f"{path.relative_to(folder)}\0".encode() + path.read_bytes() + b"\0")
    for text in texts:
        content.update(text.encode() + b"\0")
    return content.hexdigest()[:16]
