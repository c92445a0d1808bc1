"""How one site process is started."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from policloud.api import names
from policloud.reconcile.site.timing import SiteTiming


@dataclass(frozen=True, slots=True)
class SiteSettings:
    """`time_scale` shrinks every waiting time alike (0.1: a tenth). Relative trace files lie in `trace_directory`.

    `with_hub`: this cluster runs a hub too; only federated work and work labelled local is the site's then.
    """

    kubeconfig: Path | None = None
    context: str | None = None
    namespace: str = names.SYSTEM_NAMESPACE
    site_name: str = "local"
    join_file: Path | None = None
    probe_listen: str = "127.0.0.1:8081"
    time_scale: float = 1.0
    log_format: Literal["json", "text"] = "text"
    trace_directory: Path = Path()
    with_hub: bool = False
    hub_proxy: str | None = None  # URL of an HTTP proxy through which the hub is reached
    instance: str = field(default_factory=socket.gethostname)

    @property
    def timing(self) -> SiteTiming:
        return SiteTiming().scaled(self.time_scale)
