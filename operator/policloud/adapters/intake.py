"""What the shell takes in: Kopf's watches, our reflectors and the sweep, all feeding one store and the queues."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from policloud.adapters.kopf_watch import KopfWatch
from policloud.adapters.kube.connection import Connection
from policloud.adapters.kube.reflector import Reflector
from policloud.adapters.metrics import Metrics
from policloud.api.resources import Resource
from policloud.ports import Body, Cluster
from policloud.runtime.feed import Feed, OnChange
from policloud.runtime.resync import Sweeper, SweepTimes
from policloud.runtime.store import Store
from policloud.runtime.watchdog import cancel_all

if TYPE_CHECKING:
    from policloud.adapters.shell import Watch

log = logging.getLogger(__name__)

_BATCH = 500


class Intake:
    """Follows every Watch. Whole kinds come through Kopf and are swept; narrow ones through a Reflector."""

    def __init__(
        self,
        name: str,
        connection: Connection,
        *,
        cluster: Cluster,
        store: Store,
        watches: Sequence[Watch],
        metrics: Metrics,
        times: SweepTimes | None,
    ) -> None:
        self.store = store
        self.sweeper = Sweeper(times, metrics=metrics)
        self._cluster = cluster
        self._metrics = metrics
        self._required = [str(w.resource) for w in watches if not w.optional]
        self._reflectors = [_reflector(cluster, store, w) for w in watches if w.narrow]
        self._feeds: dict[Resource, Feed] = {}
        for resource in dict.fromkeys(w.resource for w in watches if not w.narrow):
            self._sweep(resource, [w for w in watches if not w.narrow and w.resource == resource])
        self._kopf = KopfWatch(connection, [*self._feeds], self._deliver, name=name)
        self._inbox: deque[tuple[Resource, str | None, Body]] = deque()
        self._loop: asyncio.AbstractEventLoop | None = None

    def _sweep(self, resource: Resource, watches: Sequence[Watch]) -> None:
        feed = Feed(self.store, str(resource), _enqueue(*watches))
        self._feeds[resource] = feed
        self.sweeper.add(str(resource), feed, self._lister(resource), _enqueue(*watches, low=True))

    def _lister(self, resource: Resource) -> Callable[[], Awaitable[tuple[list[Body], str]]]:
        async def everything() -> tuple[list[Body], str]:
            listing = await self._cluster.list(resource)
            return listing.items, listing.resource_version

        return everything

    async def run(self, stop: asyncio.Event) -> None:
        """Feed the store until `stop`, or until one of the feeders fails, which none should."""
        self._loop = asyncio.get_running_loop()
        tasks = [asyncio.create_task(self.sweeper.run())] if self._feeds else []
        tasks += [asyncio.create_task(r.run(stop)) for r in self._reflectors]
        tasks += [asyncio.create_task(self._watch(stop)), asyncio.create_task(_set(stop))]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            await cancel_all(tasks)
            await asyncio.to_thread(self._kopf.stop)

    async def _watch(self, stop: asyncio.Event) -> None:
        """Kopf starts when every kind it shall watch has been listed once."""
        await self.store.wait_synced(*map(str, self._feeds))
        self._kopf.start()
        await stop.wait()

    async def wait_synced(self) -> None:
        await self.store.wait_synced(*self._required)

    def request_all(self) -> None:
        """The API server was away: look for what was missed."""
        self.sweeper.request_all()

    # -- checks

    def missing(self) -> str | None:
        reasons = self.sweeper.unsynced()
        reasons |= {
            r.kind: r.error.message if r.error else "not listed yet"
            for r in self._reflectors
            if r.kind in self._required and not self.store.synced(r.kind)
        }
        return "; ".join(f"{kind}: {why}" for kind, why in reasons.items()) or None

    def stale(self) -> str | None:
        ages = self.sweeper.stale()
        return "; ".join(f"{kind}: not listed for {age:.0f} s" for kind, age in ages.items()) or None

    def dead_watches(self) -> str | None:
        if dead := self.sweeper.dead():
            return f"{', '.join(dead)}: changes were not told within {self.sweeper.times.late:g} s, twice"
        if self._loop is not None and self.store.synced(*map(str, self._feeds)) and self._kopf.ended:
            return "Kopf's thread has ended"
        return None

    # -- from Kopf's thread

    def _deliver(self, resource: Resource, type_: str | None, body: Body) -> None:
        """Hand over to our loop, many at a time."""
        self._inbox.append((resource, type_, body))
        if len(self._inbox) == 1 and self._loop is not None:
            try:
                self._loop.call_soon_threadsafe(self._drain)
            except RuntimeError:
                log.debug("an event came after the end")

    def _drain(self) -> None:
        for _ in range(_BATCH):
            if not self._inbox:
                return
            resource, type_, body = self._inbox[0]
            try:
                self._take(resource, type_, body)
            except Exception:
                log.exception("an event of %s could not be taken", resource)
            finally:
                self._inbox.popleft()
        asyncio.get_running_loop().call_soon(self._drain)  # let others have a turn

    def _take(self, resource: Resource, type_: str | None, body: Body) -> None:
        feed = self._feeds[resource]
        self.sweeper.delivered(str(resource), body)
        if type_ == "DELETED":
            feed.deleted(body)
            return
        feed.upsert(body)
        if type_ is None:
            self.sweeper.request(str(resource))  # Kopf listed anew, and will not tell what has gone meanwhile


async def _set(event: asyncio.Event) -> None:
    await event.wait()


def _reflector(cluster: Cluster, store: Store, watch: Watch) -> Reflector:
    return Reflector(
        cluster,
        watch.resource,
        watch.namespace,
        store=store,
        on_change=_enqueue(watch),
        label_selector=watch.label_selector,
        longest_wait=5.0,
    )


def _enqueue(*watches: Watch, low: bool = False) -> OnChange:
    """Queue every key that the watches' routes name. A route that fails concerns that one object only."""

    def on_change(body: Body) -> None:
        for watch in watches:
            try:
                for controller, key in watch.route(body):
                    controller.queue.add(key, low=low)
            except Exception:
                log.exception("cannot tell whom %s %s concerns", watch.resource, body["metadata"].get("name"))

    return on_change
