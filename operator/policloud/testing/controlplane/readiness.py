"""When a program counts as started: it answers, and what it alone does has been done."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

from policloud.testing.controlplane.errors import ControlPlaneError, last_lines
from policloud.testing.controlplane.processes import Processes
from policloud.testing.controlplane.rest import RestClient

READY_SECONDS = 90.0
_POLL_SECONDS = 0.05
_FIRST_ACCOUNT = "/api/v1/namespaces/default/serviceaccounts/default"  # made by one of the controllers


def wait_for(
    condition: Callable[[], bool], what: str, processes: Processes | None = None, component: str | None = None
) -> None:
    """Poll until it holds. ControlPlaneError after READY_SECONDS, or at once with its log if the component ends."""
    end = time.monotonic() + READY_SECONDS
    while not condition():
        log = ""
        if processes is not None and component is not None:
            processes.check(component)
            log = f"\n{last_lines(processes.log(component))}"
        if time.monotonic() > end:
            raise ControlPlaneError(f"{what} within {READY_SECONDS:.0f} s{log}")
        time.sleep(_POLL_SECONDS)


def wait_ready(
    component: str, name: str, processes: Processes, *, etcd_url: str, api: Callable[[], RestClient]
) -> None:
    """Scheduler and kwok listen nowhere and leave no mark of their own: alive is all that is asked of them."""
    if component == "etcd":
        wait_for(lambda: _etcd_healthy(etcd_url), f"{name}: etcd did not become healthy", processes, component)
    elif component == "kine":  # it listens once its database is set up
        wait_for(lambda: _accepts(etcd_url), f"{name}: kine did not listen", processes, component)
    elif component == "apiserver":
        what = f"{name}: the API server did not become ready"
        wait_for(lambda: _answers(api(), "/readyz"), what, processes, component)
    elif component == "controller-manager":
        wait_for(lambda: _answers(api(), _FIRST_ACCOUNT), f"{name}: no controller worked", processes, component)
    else:
        processes.check(component)


def _etcd_healthy(url: str) -> bool:
    try:
        with urlopen(f"{url}/health", timeout=5) as answer:  # noqa: S310 - our own http URL
            health: dict[str, Any] = json.load(answer)
    except (OSError, ValueError, http.client.HTTPException):
        return False
    return health.get("health") == "true"


def _accepts(url: str) -> bool:
    address = urlsplit(url)
    try:
        socket.create_connection((address.hostname or "", address.port or 0), timeout=5).close()
    except OSError:
        return False
    return True


def _answers(api: RestClient, path: str) -> bool:
    try:
        return api.raw("GET", path)[0] == HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
