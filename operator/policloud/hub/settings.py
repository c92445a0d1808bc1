"""How one hub process is started."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from policloud.api import names
from policloud.domain.federation.liveness import LivenessSettings
from policloud.domain.federation.view import Times
from policloud.reconcile.hub.workload import Pace


def _instance() -> str:
    return f"{socket.gethostname()}-{os.getpid()}"


@dataclass(frozen=True, slots=True)
class HubSettings:
    """`time_scale` shrinks every waiting time alike (0.1: a tenth). URLs are as sites reach this hub.

    Without certificate and key no identity endpoint is served: sites that have a token go on until it ends.
    """

    hub_id: str
    kubeconfig: Path | None = None
    context: str | None = None
    namespace: str = names.SYSTEM_NAMESPACE
    api_url: str = ""
    identity_url: str = ""
    identity_listen: str = "127.0.0.1:8443"
    identity_certificate: Path | None = None
    identity_key: Path | None = None
    identity_ca: Path | None = None
    probe_listen: str = "127.0.0.1:8080"
    time_scale: float = 1.0
    leader_election: bool = True
    with_site: bool = False  # a site runs on this cluster too: work labelled local is its own
    log_format: Literal["json", "text"] = "text"
    instance: str = field(default_factory=_instance)

    @property
    def liveness(self) -> LivenessSettings:
        return LivenessSettings().scaled(self.time_scale)

    @property
    def times(self) -> Times:
        return Times().scaled(self.time_scale)

    @property
    def pace(self) -> Pace:
        return Pace().scaled(self.time_scale)
