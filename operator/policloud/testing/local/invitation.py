"""Invite a site: what `policloud hub invite NAME --out FILE` does, without a process of its own for each."""

from __future__ import annotations

import asyncio
import os

from policloud.adapters.clock import SystemClock
from policloud.adapters.kube.client import HttpCluster
from policloud.adapters.kube.connection import Connection
from policloud.hub.invite import DEFAULT_TTL, InviteError, invite
from policloud.ports import ApiError
from policloud.testing.local.errors import LocalError
from policloud.testing.local.operators import NAMESPACE
from policloud.testing.local.state import Layout


def write_join_file(layout: Layout, site: str) -> None:
    """As the platform team would, with an administrator's rights on the hub. The file is its owner's alone."""
    try:
        text = asyncio.run(_invite(layout, site))
    except (ApiError, InviteError) as error:
        raise LocalError(f"the site {site} cannot be invited: {error.message}") from error
    path = layout.join_file(site)
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


async def _invite(layout: Layout, site: str) -> str:
    cluster = HttpCluster(Connection.from_kubeconfig(layout.hub_kubeconfig))
    try:
        made = await invite(cluster, SystemClock(), site, namespace=NAMESPACE, ttl=DEFAULT_TTL)
    finally:
        await cluster.close()
    return made.file.dump()
