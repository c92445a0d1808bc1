"""The shell of every process: watches in, reconciles out, with everything around them started and stopped in order."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import signal
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass

from policloud.adapters.handshake import Handshake
from policloud.adapters.intake import Intake
from policloud.adapters.kube.client import HttpCluster
from policloud.adapters.kube.connection import Connection
from policloud.adapters.probe import ProbeServer
from policloud.adapters.requirements import Needs, Requirement
from policloud.adapters.vitals import Vitals
from policloud.api.resources import Resource
from policloud.ports import Body, Clock, Cluster
from policloud.runtime.lease import LeaseElector
from policloud.runtime.resync import SweepTimes
from policloud.runtime.store import Key, Store
from policloud.runtime.watchdog import Watchdog, cancel_all
from policloud.runtime.workers import Controller

log = logging.getLogger(__name__)

Background = Callable[[asyncio.Event], Awaitable[None]]
Route = Callable[[Body], Iterable[tuple[Controller, Key]]]

_GRACE_SECONDS = 3.0
_RESTART_SECONDS = 5.0
_WAITING_SECONDS = 600.0
EXIT_OK = 0
EXIT_LOST = 1  # leadership lost, or a watch is dead: start afresh


@dataclass(frozen=True, slots=True)
class Watch:
    """One kind to follow. `route` names the keys that an object (new or old) concerns; it only computes.

    A whole kind is watched by Kopf; one namespace, one label or an `optional` kind (which may be installed
    later, or never) by a Reflector of ours.
    """

    resource: Resource
    route: Route
    namespace: str | None = None
    optional: bool = False
    label_selector: str | None = None

    @property
    def narrow(self) -> bool:
        return self.optional or self.namespace is not None or self.label_selector is not None


class Operator:
    """One process: `run` blocks until SIGTERM, SIGINT or `stop`, and gives the exit status.

    In order: probe server and `always` tasks; version and CRDs of the cluster if there are `needs`; lists of every
    required kind, for as long as it takes; watches; leadership if there is an `elector`; then the controllers'
    workers and the `background` tasks. Those get an event that is set when they must end; one that fails is started
    again.
    """

    def __init__(
        self,
        *,
        name: str,
        connection: Connection,
        cluster: Cluster,
        store: Store,
        clock: Clock,
        controllers: Sequence[Controller],
        watches: Sequence[Watch],
        probe: ProbeServer,
        elector: LeaseElector | None = None,
        background: Sequence[Background] = (),
        always: Sequence[Background] = (),
        sweep_times: SweepTimes | None = None,
        needs: Needs | None = None,
    ) -> None:
        self.name = name
        self.store = store
        self.watchdog = Watchdog(on_lag=probe.metrics.lag)
        self._cluster = cluster
        self._controllers = controllers
        self._probe = probe
        self._elector = elector
        self._background = background
        self._always = always
        self._own = HttpCluster(connection, metrics=probe.metrics)
        self._intake = Intake(
            name, connection, cluster=self._own, store=store, watches=watches, metrics=probe.metrics, times=sweep_times
        )
        report = probe.metrics.requirement
        self._handshake = Handshake(self._own, clock, needs, report=report) if needs is not None else None
        self._vitals = Vitals(self._own, clock, on_return=self._intake.request_all)
        self._stop_asked = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop: asyncio.Event | None = None
        self._exit = EXIT_OK

    def run(self) -> int:
        """Work until told to stop; ListenError if the probe's address is taken."""
        return asyncio.run(self._main())

    def stop(self) -> None:
        """End `run`, from any thread."""
        self._stop_asked.set()
        if self._loop is not None and self._stop is not None:
            try:
                self._loop.call_soon_threadsafe(self._stop.set)
            except RuntimeError:
                log.debug("the loop has ended already")

    async def _main(self) -> int:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        if self._stop_asked.is_set():
            return EXIT_OK
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                self._loop.add_signal_handler(number, self.stop)
        self._checks()
        await self._probe.start()
        standing = [asyncio.create_task(self.watchdog.run()), asyncio.create_task(self._vitals.run())]
        if self._handshake is not None:
            standing.append(asyncio.create_task(self._handshake.run()))
        always = [asyncio.create_task(self._forever(task, self._stop)) for task in self._always]
        work = asyncio.create_task(self._work(self._stop))
        try:
            await self._until_stopped(work)
        finally:
            log.info("%s stops", self.name)
            self._stop.set()
            await _finish([work, *always])
            await cancel_all(standing)
            await self._probe.stop()
            await self._own.close()
            if (close := getattr(self._cluster, "close", None)) is not None:
                await close()
        return self._exit

    async def _until_stopped(self, work: asyncio.Task[None]) -> None:
        """Until `stop`, until the work ends by itself (leadership lost), or a watch is found dead."""
        assert self._stop is not None  # noqa: S101 - narrows the type
        stopping = asyncio.create_task(self._stop.wait())
        try:
            while not stopping.done():
                await asyncio.wait({stopping, work}, timeout=1.0, return_when=asyncio.FIRST_COMPLETED)
                if work.done() and not stopping.done():
                    self._exit = EXIT_LOST
                    return
                if dead := self._intake.sweeper.dead():
                    log.critical("the watch of %s is dead; ending, to start afresh", ", ".join(dead))
                    self._exit = EXIT_LOST
                    return
        finally:
            stopping.cancel()

    async def _work(self, stop: asyncio.Event) -> None:
        """From the first list to the last worker; ends with `stop`, or when the intake fails or leadership is lost."""
        if self._handshake is not None:
            await _either(stop, self._handshake.fit.wait())
            if stop.is_set():
                return
        feeding = asyncio.create_task(self._intake.run(stop))
        try:
            async with _any_of(stop, feeding) as ended:
                await _either(ended, self._intake.wait_synced())
                if ended.is_set():
                    return
                if self._elector is None:
                    log.info("%s is synced and works", self.name)
                    await self._reconcile(ended)
                else:
                    await self._lead(self._elector, ended)
        finally:
            await _finish([feeding])

    async def _lead(self, elector: LeaseElector, stop: asyncio.Event) -> None:
        """Work while leading. The lease is given back last, when no worker of ours is left."""
        release = asyncio.Event()
        electing = asyncio.create_task(elector.run(release))
        try:
            async with _any_of(stop, electing) as ended:
                await _either(ended, elector.leading.wait())
                if not ended.is_set():
                    log.info("%s leads and works", self.name)
                    await self._reconcile(ended)
        finally:
            release.set()
            await _finish([electing])

    async def _reconcile(self, stop: asyncio.Event) -> None:
        tasks = [asyncio.create_task(self._forever(task, stop)) for task in self._background]
        workers = [asyncio.create_task(c.run(), name=c.name) for c in self._controllers]
        try:
            await stop.wait()
        finally:
            await cancel_all(workers)
            await _finish(tasks)

    async def _forever(self, task: Background, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                await task(stop)
            except Exception:
                log.exception("a background task failed and is started again in %g s", _RESTART_SECONDS)
                await _either(stop, asyncio.sleep(_RESTART_SECONDS))
            else:
                return

    def _checks(self) -> None:
        dog = self.watchdog
        self._probe.attach(dog)
        self._probe.metrics.follow(self._controllers, self.store)
        self._probe.metrics.follow_lists(self._intake.sweeper.ages)
        dog.add_live("watches", self._intake.dead_watches)
        dog.add_live("workers", lambda: _stuck(self._controllers))
        if (handshake := self._handshake) is not None:
            for requirement in Requirement:
                dog.add_ready(str(requirement), functools.partial(handshake.problem, requirement))
        dog.add_ready("sync", self._intake.missing)
        dog.add_ready("lists", self._intake.stale)
        dog.add_ready("queues", lambda: _waiting(self._controllers))
        dog.add_ready("API server", self._vitals.out_of_reach)
        if (elector := self._elector) is not None:
            self._probe.metrics.follow_leader(self.name, lambda: elector.is_leader)
            dog.add_live("lease", lambda: _overdue(elector))
            dog.add_ready("lease", lambda: None if elector.is_leader or elector.holder else "no leader known yet")


def _stuck(controllers: Sequence[Controller]) -> str | None:
    """A call that outlives its deadline by far can only be one that blocks the loop or swallows its cancellation."""
    for c in controllers:
        _, longest = c.queue.unfinished()
        if longest > c.deadline * 4 + 60:
            return f"a reconcile of {c.name} has been running for {longest:.0f} s, its deadline is {c.deadline:g} s"
    return None


def _waiting(controllers: Sequence[Controller]) -> str | None:
    """Keys that nobody gets to; a standby's wait for its turn to lead and do not count."""
    late = {c.name: age for c in controllers if c.running and (age := c.queue.oldest_wait()) > _WAITING_SECONDS}
    return "; ".join(f"{name}: the oldest key waits for {age:.0f} s" for name, age in late.items()) or None


def _overdue(elector: LeaseElector) -> str | None:
    """An elector that still thinks it leads long after its deadline hangs."""
    age = elector.age
    if not elector.leading.is_set() or age is None or age <= elector.seconds * 2:
        return None
    return f"not renewed for {age:.0f} s, and not given up"


async def _either(stop: asyncio.Event, other: Awaitable[object]) -> None:
    """Return when `stop` is set or `other` is done, which is cancelled otherwise."""
    tasks = [asyncio.ensure_future(stop.wait()), asyncio.ensure_future(other)]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.asynccontextmanager
async def _any_of(stop: asyncio.Event, task: asyncio.Task[None]) -> AsyncIterator[asyncio.Event]:
    """An event that is set when `stop` is, or when `task` has ended."""
    ended = asyncio.Event()
    following = asyncio.create_task(_either(stop, asyncio.shield(task)))
    following.add_done_callback(lambda _: ended.set())
    try:
        yield ended
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)


async def _finish(tasks: list[asyncio.Task[None]]) -> None:
    """Give tasks that were told to stop a moment, then cancel them."""
    if tasks:
        await asyncio.wait(tasks, timeout=_GRACE_SECONDS)
        await cancel_all(tasks)
