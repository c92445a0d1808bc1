"""The hub as something that comes and goes: while there is no line, every call says "try later"."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from policloud.api.resources import Resource
from policloud.ports import Body, Cluster, TransientError


class LinkedCluster:
    """What offers need of the hub, and nothing else. `line()` is the connected client, None without one."""

    def __init__(self, line: Callable[[], Cluster | None]) -> None:
        self._line = line

    async def get(self, resource: Resource, namespace: str | None, name: str) -> Body:
        return await self._connected().get(resource, namespace, name)

    async def merge_patch(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        patch: Mapping[str, Any],
        *,
        subresource: str | None = None,
        manager: str | None = None,
    ) -> Body:
        return await self._connected().merge_patch(
            resource, namespace, name, patch, subresource=subresource, manager=manager
        )

    def _connected(self) -> Cluster:
        line = self._line()
        if line is None:
            raise TransientError("no line to the hub at the moment")
        return line
