"""What a federation is made of, on disk, so that a later command finds and continues it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from policloud.testing.controlplane.ports import free_port
from policloud.testing.local.errors import LocalError

VERSION = 1
DEFAULT_HUB_ID = "policloud-eu"
DEFAULT_TIME_SCALE = 0.1


@dataclass(slots=True)
class State:
    """`ports`: of identity, probe:hub, probe:<site> and link:<site>. `attached`: everything dies with its starter."""

    sites: list[str]
    hub_id: str = DEFAULT_HUB_ID
    time_scale: float = DEFAULT_TIME_SCALE
    attached: bool = False
    audit: bool = False
    down: bool = False
    ports: dict[str, int] = field(default_factory=dict)
    version: int = VERSION

    def choose_ports(self) -> None:
        names = ["identity", "probe:hub"]
        names += [f"{kind}:{site}" for site in self.sites for kind in ("probe", "link")]
        taken = set(self.ports.values())
        for name in names:
            port = free_port()
            while port in taken:
                port = free_port()
            taken.add(port)
            self.ports[name] = port


@dataclass(frozen=True, slots=True)
class Layout:
    """Names of files below the federation's directory."""

    root: Path

    @property
    def state(self) -> Path:
        return self.root / "state.json"

    @property
    def hub_kubeconfig(self) -> Path:
        return self.root / "hub.kubeconfig"

    def kubeconfig(self, name: str) -> Path:
        """Of an administrator, by "hub" or the name of a site."""
        return self.hub_kubeconfig if name == "hub" else self.root / "sites" / f"{name}.kubeconfig"

    def site(self, name: str) -> Path:
        """The copy of the site's folder, with its trace files; relative trace files are read from here."""
        return self.root / "sites" / name

    def join_file(self, name: str) -> Path:
        return self.root / "credentials" / f"{name}.join.yaml"

    def credential(self, name: str) -> Path:
        """Restricted kubeconfig of the operator of "hub" or of a site."""
        return self.root / "credentials" / f"{name}.kubeconfig"

    def plane(self, name: str) -> Path:
        """Directory of a control plane: "etcd", "hub" or a site."""
        return self.root / "planes" / name


def load(layout: Layout) -> State:
    """LocalError if there is none."""
    try:
        content = json.loads(layout.state.read_text())
    except FileNotFoundError:
        raise LocalError(
            f"{layout.root} holds no federation; start one with: policloud local up --dir {layout.root}"
        ) from None
    except (OSError, ValueError) as error:
        raise LocalError(f"{layout.state} cannot be read: {error}") from error
    if content.get("version") != VERSION:
        raise LocalError(
            f"{layout.state} is of another version of policloud; end it with that one, or delete {layout.root}"
        )
    return State(**content)


def save(layout: Layout, state: State) -> None:
    """Whole or not at all."""
    layout.root.mkdir(parents=True, exist_ok=True)
    temporary = layout.state.with_suffix(".tmp")
    temporary.write_text(json.dumps(asdict(state), indent=2) + "\n")
    temporary.replace(layout.state)
