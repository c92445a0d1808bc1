"""The hub's epoch: kept in one ConfigMap, raised only after a restore, never by a new leader."""

from __future__ import annotations

from typing import Final

from policloud.api.names import MANAGED_BY, MANAGED_BY_LABEL
from policloud.api.resources import CONFIG_MAP
from policloud.ports import Cluster, ConflictError, NotFoundError

HUB_TERM: Final = "policloud-hub-term"


class HubTerm:
    """`load` before anything is planned; `epoch` is 0 until then.

    Raising it (`next_epoch`) belongs to settling a restore: until then a restored hub only reads (`Sites.restored`).
    """

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self.epoch = 0

    async def load(self) -> int:
        """Read the epoch, or write 1 on a hub that never had one. ApiErrors pass."""
        try:
            body = await self._cluster.get(CONFIG_MAP, self._namespace, HUB_TERM)
        except NotFoundError:
            try:
                body = await self._cluster.create(CONFIG_MAP, self._body(1))
            except ConflictError:  # the other replica was faster
                body = await self._cluster.get(CONFIG_MAP, self._namespace, HUB_TERM)
        self.epoch = int((body.get("data") or {}).get("epoch") or 1)
        return self.epoch

    def _body(self, epoch: int) -> dict[str, object]:
        return {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": HUB_TERM,
                "namespace": self._namespace,
                "labels": {MANAGED_BY_LABEL: MANAGED_BY},
            },
            "data": {"epoch": str(epoch)},
        }
