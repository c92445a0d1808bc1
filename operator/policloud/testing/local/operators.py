"""Command lines of our own processes: the hub, the sites, the lines between them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from policloud.testing.controlplane import ControlPlane
from policloud.testing.controlplane.certificates import Pair
from policloud.testing.local import link
from policloud.testing.local.state import Layout, State

_POLICLOUD = (sys.executable, "-m", "policloud.cli.main")
NAMESPACE = "policloud-system"
HUB_USER = "policloud-hub"
SITE_USER = "policloud-site-operator"
_LOOPBACK = "127.0.0.1"


def environment() -> dict[str, str]:
    """Ours without what would change theirs: settings and proxies of the caller's shell."""
    dropped = {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"}
    return {
        name: value
        for name, value in os.environ.items()
        if name.upper() not in dropped and not name.startswith("POLICLOUD_")
    } | {"PYTHONUNBUFFERED": "1"}


def identity_url(state: State) -> str:
    return f"https://{_LOOPBACK}:{state.ports['identity']}"


def hub_command(layout: Layout, state: State, plane: ControlPlane, identity: Pair) -> list[str]:
    return [
        *_POLICLOUD,
        "hub",
        *("--kubeconfig", str(layout.credential("hub"))),
        *("--hub-id", state.hub_id),
        *("--namespace", NAMESPACE),
        *("--identity-listen", f"{_LOOPBACK}:{state.ports['identity']}"),
        *("--identity-tls-cert", str(identity.certificate)),
        *("--identity-tls-key", str(identity.key)),
        *("--identity-url", identity_url(state)),
        *("--api-url", plane.url),
        *("--probe-listen", f"{_LOOPBACK}:{state.ports['probe:hub']}"),
        *("--time-scale", str(state.time_scale)),
        "--no-leader-election",
        *("--log-format", "text"),
    ]


def site_command(layout: Layout, state: State, site: str) -> list[str]:
    return [
        *_POLICLOUD,
        "site",
        *("--kubeconfig", str(layout.credential(site))),
        *("--namespace", NAMESPACE),
        *("--site-name", site),
        *("--join-file", str(layout.join_file(site))),
        *("--hub-proxy", f"http://{_LOOPBACK}:{state.ports[f'link:{site}']}"),
        *("--trace-directory", str(layout.site(site))),
        *("--probe-listen", f"{_LOOPBACK}:{state.ports[f'probe:{site}']}"),
        *("--time-scale", str(state.time_scale)),
        *("--log-format", "text"),
    ]


def link_command(state: State, site: str, hub: ControlPlane) -> list[str]:
    destinations = [url.removeprefix("https://") for url in (hub.url, identity_url(state))]
    return [sys.executable, "-I", "-S", str(Path(link.__file__)), str(state.ports[f"link:{site}"]), *destinations]
