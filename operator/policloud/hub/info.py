"""Where this hub is and whom to trust when calling it: what a join file says, kept in a ConfigMap by the hub."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from policloud.api.names import HUB_MANAGER, MANAGED_BY, MANAGED_BY_LABEL
from policloud.api.resources import CONFIG_MAP
from policloud.ports import Cluster, NotFoundError

HUB_INFO: Final = "policloud-hub"


@dataclass(frozen=True, slots=True)
class HubInfo:
    """`api`, `identity`: URLs as sites reach them. `ca`: PEM bundle for both; nothing else is trusted."""

    id: str
    api: str
    identity: str
    ca: str

    def as_dict(self) -> dict[str, str]:
        return {"id": self.id, "api": self.api, "identity": self.identity, "ca": self.ca}


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


def hub_info_of(data: Mapping[str, Any]) -> HubInfo | None:
    values = [data.get(name) for name in ("id", "api", "identity", "ca")]
    if not all(isinstance(value, str) and value for value in values):
        return None
    return HubInfo(*(str(value) for value in values))
