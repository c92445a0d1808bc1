"""List and watch into the store, with the difference found on every new list: for what Kopf does not watch."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable

from policloud.adapters.kube.errors import GONE
from policloud.adapters.kube.selectors import label_matcher
from policloud.api.resources import Resource
from policloud.ports import ApiError, Cluster, NotFoundError, TransientError
from policloud.runtime.feed import Feed, OnChange
from policloud.runtime.store import Body, Store
from policloud.runtime.timers import LoopTimers, Timers

log = logging.getLogger(__name__)

_MISSING_KIND_WAIT = 60.0


class Reflector:
    """Keeps one kind of one API server in the store, for as long as `run` runs.

    It survives everything: an absent server, a kind that is not installed (yet), an expired resourceVersion
    (then it lists again and tells what was deleted meanwhile). A failed or refused list deletes nothing.
    Reconnects are spread and back off up to `longest_wait` seconds: many sites share one hub.
    `on_change(body)` is called for each change, with the new body and with the old one; it only enqueues.
    """

    def __init__(
        self,
        cluster: Cluster,
        resource: Resource,
        namespace: str | None = None,
        *,
        store: Store,
        kind: str | None = None,
        on_change: OnChange,
        label_selector: str | None = None,
        longest_wait: float = 30.0,
        timers: Timers | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self.resource = resource
        self.namespace = namespace
        self.kind = kind or str(resource)
        self.last_contact: float | None = None  # monotonic time of the last list or event
        self.error: ApiError | None = None  # why it is not connected now
        self.feed = Feed(store, self.kind, on_change, accepts=_scope(namespace, label_selector))
        self._cluster = cluster
        self._label_selector = label_selector
        self._longest_wait = longest_wait
        self._timers = timers or LoopTimers()
        self._rng = rng or random.Random()  # noqa: S311 - spreads reconnects, guards nothing

    @property
    def connected(self) -> bool:
        return self.last_contact is not None and self.error is None

    async def run(self, stop: asyncio.Event) -> None:
        """List and watch until `stop`."""
        work = asyncio.ensure_future(self._forever())
        stopping = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait({work, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (work, stopping):
                task.cancel()
            await asyncio.gather(work, stopping, return_exceptions=True)
        if work.done() and not work.cancelled():
            work.result()

    async def _forever(self) -> None:
        failures = 0
        version: str | None = None
        while True:
            try:
                if version is None:
                    version = await self._list()
                failures = 0
                version = await self._watch(version)
            except ApiError as e:
                if e.status == GONE:
                    version = None
                    continue
                self._failed(e, failures)
                failures += 1
                await self._timers.sleep(self._wait(e, failures))
            else:
                await self._timers.sleep(0.05 + 0.2 * self._rng.random())

    async def _list(self) -> str:
        listing = await self._cluster.list(self.resource, self.namespace, label_selector=self._label_selector)
        found = self.feed.replace(listing.items, listing.resource_version)
        self._heard()
        log.debug("listed %s: %d objects, %d news", self.kind, len(listing.items), len(found))
        return listing.resource_version

    async def _watch(self, version: str) -> str:
        events = self._cluster.watch(
            self.resource, self.namespace, resource_version=version, label_selector=self._label_selector
        )
        async with contextlib.aclosing(events) as stream:  # type: ignore[type-var]
            async for event in stream:
                self._heard()
                version = event.object["metadata"]["resourceVersion"]
                if event.type == "DELETED":
                    self.feed.deleted(event.object)
                elif event.type != "BOOKMARK":
                    self.feed.upsert(event.object)
        return version

    def _heard(self) -> None:
        self.last_contact = self._timers.monotonic()
        if self.error is not None:
            log.info("%s is watched again", self.kind)
            self.error = None

    def _failed(self, error: ApiError, failures: int) -> None:
        self.error = error
        if failures == 0:
            log.warning("cannot watch %s: %s", self.kind, error.message)

    def _wait(self, error: ApiError, failures: int) -> float:
        if isinstance(error, NotFoundError) and error.missing_kind:
            return _MISSING_KIND_WAIT * (0.5 + self._rng.random())
        asked = (error.retry_after or 0.0) if isinstance(error, TransientError) else 0.0
        backoff: float = min(self._longest_wait, 0.5 * 2.0 ** min(failures, 10))
        return max(asked, backoff * (0.5 + 0.5 * self._rng.random()))


def _scope(namespace: str | None, label_selector: str | None) -> Callable[[Body], bool]:
    """The part of the kind that is seen: what is outside it is not missing from a list."""
    labels = label_matcher(label_selector)
    return lambda body: (namespace is None or body["metadata"].get("namespace") == namespace) and labels(body)
