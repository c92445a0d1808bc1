"""Reading one's own writes at once: what a write returns goes into the store without waiting for the watch."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Literal

from policloud.api.resources import Resource
from policloud.ports import Body, Cluster, Listing, WatchEvent
from policloud.runtime.store import Store


class StoringCluster:
    """A Cluster that stores the answers of its writes, for the objects that some feed of the store tracks.

    Storing wakes whoever follows the kind at once; the watch's own event for the write is then no news.
    `prefix` is put before the kind ("hub/" for the hub's objects in a site's store).
    """

    def __init__(self, cluster: Cluster, store: Store, *, prefix: str = "") -> None:
        self._cluster = cluster
        self._store = store
        self._prefix = prefix

    async def close(self) -> None:
        """Close the cluster underneath, if it holds connections."""
        if (close := getattr(self._cluster, "close", None)) is not None:
            await close()

    def _keep(self, resource: Resource, body: Body) -> Body:
        kind = self._prefix + str(resource)
        if "metadata" in body and self._store.tracks(kind, body):
            self._store.upsert(kind, body)
        return body

    async def get(self, resource: Resource, namespace: str | None, name: str) -> Body:
        return self._keep(resource, await self._cluster.get(resource, namespace, name))

    async def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        label_selector: str | None = None,
        field_selector: str | None = None,
    ) -> Listing:
        return await self._cluster.list(
            resource, namespace, label_selector=label_selector, field_selector=field_selector
        )

    async def create(self, resource: Resource, body: Body, *, dry_run: bool = False) -> Body:
        answer = await self._cluster.create(resource, body, dry_run=dry_run)
        return answer if dry_run else self._keep(resource, answer)

    async def replace(self, resource: Resource, body: Body, *, subresource: str | None = None) -> Body:
        answer = await self._cluster.replace(resource, body, subresource=subresource)
        return self._keep(resource, answer) if subresource in {None, "status"} else answer

    async def apply(
        self, resource: Resource, body: Body, *, manager: str, force: bool = True, dry_run: bool = False
    ) -> Body:
        answer = await self._cluster.apply(resource, body, manager=manager, force=force, dry_run=dry_run)
        return answer if dry_run else self._keep(resource, answer)

    async def apply_status(self, resource: Resource, body: Body, *, manager: str) -> Body:
        return self._keep(resource, await self._cluster.apply_status(resource, body, manager=manager))

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
        answer = await self._cluster.merge_patch(
            resource, namespace, name, patch, subresource=subresource, manager=manager
        )
        return self._keep(resource, answer) if subresource in {None, "status"} else answer

    async def delete(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        *,
        uid: str | None = None,
        resource_version: str | None = None,
        propagation: Literal["Background", "Foreground", "Orphan"] = "Background",
    ) -> None:
        await self._cluster.delete(
            resource, namespace, name, uid=uid, resource_version=resource_version, propagation=propagation
        )

    async def create_token(
        self, namespace: str, service_account: str, *, seconds: int, audiences: Sequence[str]
    ) -> Body:
        return await self._cluster.create_token(namespace, service_account, seconds=seconds, audiences=audiences)

    def watch(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        resource_version: str,
        label_selector: str | None = None,
    ) -> AsyncIterator[WatchEvent]:
        return self._cluster.watch(
            resource, namespace, resource_version=resource_version, label_selector=label_selector
        )
