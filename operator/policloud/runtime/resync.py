"""The sweep: whole lists compared with the store, so that what a watch never told is found all the same."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from policloud.runtime.feed import Differences, Feed, OnChange
from policloud.runtime.store import Body, Key, key_of, version_of
from policloud.runtime.timers import LoopTimers, Timers, wait_set

log = logging.getLogger(__name__)

Lister = Callable[[], Awaitable[tuple[list[Body], str]]]
_FATAL_STRIKES = 2


class SweepMetrics(Protocol):
    """`change`: added, updated or deleted."""

    def missed(self, kind: str, change: str, count: int) -> None: ...

    def struck(self, kind: str) -> None: ...


@dataclass(frozen=True, slots=True)
class SweepTimes:
    """Seconds. A sweep of each kind every `shortest` to `longest`; a change is late after `late`."""

    shortest: float = 300.0
    longest: float = 600.0
    late: float = 120.0
    settle: float = 2.0  # between a request and its sweep: requests come in bursts
    retry: float = 1.0  # first wait after a failed list, doubling up to `retry_most`
    retry_most: float = 30.0


@dataclass(slots=True)
class Swept:
    """One kind under the sweep."""

    feed: Feed
    lister: Lister
    touch: OnChange
    strikes: int = 0
    listed_at: float | None = None
    error: str | None = None
    wanted: asyncio.Event = field(default_factory=asyncio.Event)
    undelivered: dict[Key, tuple[int, float]] = field(default_factory=dict)  # -> (version, when the sweep saw it)


class Sweeper:
    """Lists each kind now and then, and puts right what the store does not know.

    A failed list changes nothing: no answer is never a deletion. The first good list of a kind marks it synced.
    A change that the sweep found and the watch still has not delivered after `late` seconds is a strike against
    the watch; any delivery clears it. Two strikes: `dead()` names the kind, and the process had better end.
    """

    def __init__(
        self,
        times: SweepTimes | None = None,
        *,
        timers: Timers | None = None,
        rng: random.Random | None = None,
        metrics: SweepMetrics | None = None,
    ) -> None:
        self.times = times or SweepTimes()
        self._timers = timers or LoopTimers()
        self._rng = rng or random.Random()  # noqa: S311 - spreads lists, guards nothing
        self._metrics = metrics
        self._kinds: dict[str, Swept] = {}

    def add(self, name: str, feed: Feed, lister: Lister, touch: OnChange) -> None:
        """Sweep `feed` by `lister` (items and resourceVersion); `touch(body)` re-examines an object at leisure."""
        self._kinds[name] = Swept(feed, lister, touch)

    def request(self, name: str) -> None:
        """Sweep that kind soon: something may have been missed."""
        self._kinds[name].wanted.set()

    def request_all(self) -> None:
        for kind in self._kinds.values():
            kind.wanted.set()

    def delivered(self, name: str, body: Body) -> None:
        """The watch told this body (also a deletion's): it is alive."""
        kind = self._kinds[name]
        kind.strikes = 0
        late = kind.undelivered.get(key_of(body))
        if late is not None and (version_of(body) or late[0]) >= late[0]:
            del kind.undelivered[key_of(body)]

    def dead(self) -> list[str]:
        """Kinds whose watch has two strikes."""
        return [name for name, kind in self._kinds.items() if kind.strikes >= _FATAL_STRIKES]

    def ages(self) -> dict[str, float]:
        """Seconds since each kind's last good list; kinds never listed are left out."""
        now = self._timers.monotonic()
        return {n: now - k.listed_at for n, k in self._kinds.items() if k.listed_at is not None}

    def stale(self) -> dict[str, float]:
        """Kinds not listed for twice the longest period, and for how long: what is in the store may be old."""
        return {n: age for n, age in self.ages().items() if age > 2 * self.times.longest}

    def unsynced(self) -> dict[str, str]:
        """Kinds never listed yet, and why."""
        return {n: k.error or "not listed yet" for n, k in self._kinds.items() if k.listed_at is None}

    async def run(self) -> None:
        """Sweep until cancelled."""
        async with asyncio.TaskGroup() as group:
            for name, kind in self._kinds.items():
                group.create_task(self._keep(name, kind), name=f"sweep {name}")

    async def _keep(self, name: str, kind: Swept) -> None:
        failures = 0
        while True:
            try:
                items, version = await kind.lister()
                self._compare(name, kind, items, version)
            except Exception as e:  # noqa: BLE001 - whatever it is, it is no deletion and no end
                self._failed(name, kind, e, failures)
                failures += 1
                wait = min(self.times.retry_most, self.times.retry * 2.0 ** min(failures - 1, 10))
                await self._timers.sleep(wait * (0.75 + 0.5 * self._rng.random()))
                continue
            failures = 0
            await self._wait(name, kind)

    def _compare(self, name: str, kind: Swept, items: list[Body], version: str) -> None:
        first = kind.listed_at is None
        found = kind.feed.replace(items, version)
        kind.listed_at, kind.error = self._timers.monotonic(), None
        if first:
            log.info("%s: %d objects", name, len(items))
        else:
            self._tell(name, found)
            kind.feed.touch_all(kind.touch)
        self._suspect(kind, found)

    def _suspect(self, kind: Swept, found: Differences) -> None:
        for key in (*found.added, *found.updated):
            body = kind.feed.store.get(kind.feed.kind, key)
            if body is not None and (version := version_of(body)) is not None:
                kind.undelivered[key] = (version, self._timers.monotonic())
        for key in found.deleted:
            kind.undelivered.pop(key, None)

    async def _wait(self, name: str, kind: Swept) -> None:
        """Until the next sweep is due, asked for, or a change found by the last one is late."""
        due = self._timers.monotonic() + self._rng.uniform(self.times.shortest, self.times.longest)
        while True:
            late_at = min((at for _, at in kind.undelivered.values()), default=float("inf")) + self.times.late
            now = self._timers.monotonic()
            if now >= late_at:
                self._strike(name, kind)
                return
            if now >= due:
                return
            if await wait_set(self._timers, kind.wanted, min(due, late_at) - now):
                await self._timers.sleep(self.times.settle)
                kind.wanted.clear()
                return

    def _strike(self, name: str, kind: Swept) -> None:
        kind.strikes += 1
        count = len(kind.undelivered)
        kind.undelivered.clear()
        log.error(
            "%s: the watch has not told %d changes for %g s, strike %d", name, count, self.times.late, kind.strikes
        )
        if self._metrics:
            self._metrics.struck(name)

    def _tell(self, name: str, found: Differences) -> None:
        for change in ("added", "updated", "deleted"):
            keys = getattr(found, change)
            if keys:
                log.info("%s: the sweep found %d objects %s, as %s", name, len(keys), change, "/".join(keys[0]))
                if self._metrics:
                    self._metrics.missed(name, change, len(keys))

    def _failed(self, name: str, kind: Swept, error: Exception, failures: int) -> None:
        kind.error = str(error)
        if failures == 0:
            log.warning("cannot list %s: %s", name, error)
