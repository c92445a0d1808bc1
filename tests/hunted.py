"""One lock around all API servers, and after every write the question: does anything run that should not?

Every write of every process and of the test goes through a `Gate`, which keeps hub offers and local work as the
servers hold them at that very moment. Faults are injected outside of it, so a delayed write happens when it happens.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping, Sequence
from typing import Any, Literal

from policloud.api import names, resources
from policloud.api.offers import parse_offer
from policloud.api.resources import Resource
from policloud.domain.federation.offers import reserved
from policloud.ports import Body, Cluster, Listing, WatchEvent


class DoubleRunError(AssertionError):
    """More runs than may."""


class Gate:
    """Serialises writes and checks after each. `asked`: the most replicas a workload may have at this moment."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.asked: dict[tuple[str, str], int] = {}
        self.offers: dict[tuple[str, str], Body] = {}
        self.local: dict[tuple[str, str, str], Body] = {}
        self.changes: Counter[tuple[str, Resource]] = Counter()  # by server, of any kind
        self.checks = 0
        self.failure: DoubleRunError | None = None  # the first: whoever wrote may be dead already

    def wrote(self, server: str, resource: Resource, body: Body) -> None:
        meta = body["metadata"]
        if resource == resources.WORK_OFFER:
            self.offers[meta["namespace"], meta["name"]] = body
        elif resource == resources.SOVEREIGN_WORKLOAD and names.OFFER_ANNOTATION in (meta.get("annotations") or {}):
            self.local[server, meta["namespace"], meta["name"]] = body
        else:
            return
        try:
            self.check()
        except DoubleRunError as error:
            self.failure = self.failure or error

    def deleted(self, server: str, resource: Resource, namespace: str, name: str) -> None:
        if resource == resources.WORK_OFFER:
            self.offers.pop((namespace, name), None)
        elif resource == resources.SOVEREIGN_WORKLOAD:
            self.local.pop((server, namespace, name), None)

    def check(self) -> None:
        running: Counter[tuple[str, str]] = Counter()
        places: Counter[tuple[str, str]] = Counter()
        for (server, _, _), body in self.local.items():
            carried = json.loads(body["metadata"]["annotations"][names.OFFER_ANNOTATION])
            block = {"Inference": "inference", "Batch": "batch"}[body["spec"]["class"]]
            count = body["spec"][block]["replicas" if block == "inference" else "parallelism"]
            key = (carried["workload"]["namespace"], carried["workload"]["name"])
            running[key] += count
            places[carried["workload"]["uid"], carried["unit"]] += 1
            offer = self.offers.get((carried["offerNamespace"], carried["offer"]))
            kept = reserved(parse_offer(offer)).replicas if offer is not None else 0
            if kept < count:
                raise DoubleRunError(f"{carried['offer']}: {count} run at {server}, the hub keeps {kept}: {offer}")
            self.checks += 1
        for key, count in running.items():
            if count > self.asked.get(key, 0):
                raise DoubleRunError(f"{key}: {count} run, {self.asked.get(key, 0)} were asked for")
        for place, count in places.items():
            if count > 1:
                raise DoubleRunError(f"{place}: {count} instances on one unit")


class GatedCluster:
    """A Cluster whose writes go through the gate, one at a time over all servers.

    Nobody else writes what a lane reads: while nothing of a kind is written, its list is not asked for again.
    """

    def __init__(self, cluster: Cluster, server: str, gate: Gate) -> None:
        self._cluster = cluster
        self._server = server
        self._gate = gate
        self._listed: dict[tuple[Any, ...], tuple[int, Listing]] = {}

    async def get(self, resource: Resource, namespace: str | None, name: str) -> Body:
        return await self._cluster.get(resource, namespace, name)

    async def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        label_selector: str | None = None,
        field_selector: str | None = None,
    ) -> Listing:
        asked = (resource, namespace, label_selector, field_selector)
        changes = self._gate.changes[self._server, resource]
        kept = self._listed.get(asked)
        if kept is not None and kept[0] == changes:
            return kept[1]
        listing = await self._cluster.list(
            resource, namespace, label_selector=label_selector, field_selector=field_selector
        )
        self._listed[asked] = (changes, listing)
        return listing

    async def create(self, resource: Resource, body: Body, *, dry_run: bool = False) -> Body:
        call = self._cluster.create(resource, body, dry_run=dry_run)
        return await (call if dry_run else self._written(resource, call))

    async def replace(self, resource: Resource, body: Body, *, subresource: str | None = None) -> Body:
        return await self._written(resource, self._cluster.replace(resource, body, subresource=subresource))

    async def apply(
        self, resource: Resource, body: Body, *, manager: str, force: bool = True, dry_run: bool = False
    ) -> Body:
        call = self._cluster.apply(resource, body, manager=manager, force=force, dry_run=dry_run)
        return await (call if dry_run else self._written(resource, call))

    async def apply_status(self, resource: Resource, body: Body, *, manager: str) -> Body:
        return await self._written(resource, self._cluster.apply_status(resource, body, manager=manager))

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
        call = self._cluster.merge_patch(resource, namespace, name, patch, subresource=subresource, manager=manager)
        return await self._written(resource, call)

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
        async def act() -> None:
            async with self._gate.lock:
                with self._changing(resource):
                    await self._cluster.delete(
                        resource, namespace, name, uid=uid, resource_version=resource_version, propagation=propagation
                    )
                self._gate.deleted(self._server, resource, namespace or "", name)

        await _outliving(act())

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

    @contextlib.contextmanager
    def _changing(self, resource: Resource) -> Iterator[None]:
        """Also a write that failed may have arrived."""
        try:
            yield
        finally:
            self._gate.changes[self._server, resource] += 1

    async def _written(self, resource: Resource, call: Coroutine[Any, Any, Body]) -> Body:
        """A request on its way arrives, also when the process that sent it is dead by then."""

        async def act() -> Body:
            async with self._gate.lock:
                with self._changing(resource):
                    answer = await call
                self._gate.wrote(self._server, resource, answer)
                return answer

        return await _outliving(act())


async def _outliving(call: Coroutine[Any, Any, Any]) -> Any:
    task = asyncio.ensure_future(call)
    task.add_done_callback(lambda t: t.cancelled() or t.exception())  # nobody may be left to hear of it
    return await asyncio.shield(task)
