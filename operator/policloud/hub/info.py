"""Where this hub is and whom to trust when calling it: kept in a ConfigMap by the hub, for invitations."""

from __future__ import annotations

from typing import Final

from policloud.api.joinfile import HubInfo, hub_info_of
from policloud.api.names import HUB_MANAGER, MANAGED_BY, MANAGED_BY_LABEL
from policloud.api.resources import CONFIG_MAP
from policloud.ports import Cluster, NotFoundError

__all__ = ["HUB_INFO", "HubInfo", "publish_hub_info", "read_hub_info"]

HUB_INFO: Final = "policloud-hub"


async def publish_hub_info(cluster: Cluster, namespace: str, info: HubInfo) -> None:
    """Write it for `policloud hub invite`; the same from every replica. ApiErrors pass."""
    body = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": HUB_INFO, "namespace": namespace, "labels": {MANAGED_BY_LABEL: MANAGED_BY}},
        "data": info.as_dict(),
    }
    await cluster.apply(CONFIG_MAP, body, manager=HUB_MANAGER)


async def read_hub_info(cluster: Cluster, namespace: str) -> HubInfo | None:
    """None if no hub has written it there. ApiErrors pass."""
    try:
        body = await cluster.get(CONFIG_MAP, namespace, HUB_INFO)
    except NotFoundError:
        return None
    return hub_info_of(body.get("data") or {})
