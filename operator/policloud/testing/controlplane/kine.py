"""kine, the store that k3s has in place of etcd: the etcd protocol over SQLite."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from policloud.testing.controlplane.errors import ControlPlaneError
from policloud.testing.controlplane.gotool import GoTool
from policloud.testing.controlplane.sources import find_sources

_MODULE = "github.com/k3s-io/kine"


def tool() -> GoTool:
    """Without cgo: then SQLite is the translation to Go that kine itself chooses, and no C compiler is needed."""
    bare = GoTool("kine", find_sources().folder / "kine", _MODULE, takes="about 3 minutes")
    return replace(bare, link_flags=f"-s -w -X {_MODULE}/pkg/version.Version={bare.pinned(_MODULE)}")


def find() -> Path:
    """The program that POLICLOUD_KINE names, else ours, built if need be. Raises ControlPlaneError."""
    named = os.environ.get("POLICLOUD_KINE")
    if not named:
        return tool().program()
    if not os.access(named, os.X_OK):
        raise ControlPlaneError(f"POLICLOUD_KINE={named} is no program; name one, or unset it and have it built")
    return Path(named)


def command(data: Path, client_url: str) -> list[str]:
    """Its defaults are those of k3s, but for the address and for metrics, which nobody reads here."""
    data.mkdir(parents=True, exist_ok=True)
    pragmas = "_journal_mode=WAL&_busy_timeout=30000&_synchronous=NORMAL&_txlock=immediate&cache=shared"
    return [
        str(find()),
        f"--endpoint=sqlite://{data / 'state.db'}?{pragmas}",
        f"--listen-address={client_url.removeprefix('http://')}",
        "--metrics-bind-address=0",
    ]
