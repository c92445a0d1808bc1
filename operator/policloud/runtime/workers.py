"""A controller: a work queue, some workers and one reconcile function. Outcomes become retries here, only here."""

from __future__ import annotations

import asyncio
import itertools
import logging
import random
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol

from policloud.runtime.outcome import Done, Outcome, RequeueAfter, Retry
from policloud.runtime.store import Key
from policloud.runtime.timers import LoopTimers, Timers
from policloud.runtime.workqueue import Backoff, QueueClosedError, QueueMetrics, WorkQueue

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reconciling:
    """What the running task is about; log records are stamped with it."""

    controller: str
    key: Key
    id: str


CURRENT: ContextVar[Reconciling | None] = ContextVar("reconciling", default=None)
_ids = itertools.count(1)


class ControllerMetrics(QueueMetrics, Protocol):
    """Where a controller reports. `result`: success, requeue_after, retry, error or timeout."""

    def reconciled(self, controller: str, result: str, seconds: float) -> None: ...


class Controller:
    """Runs `reconcile(key)` for every key of its queue, `workers` at a time, each key by one worker at once.

    `deadline` in seconds bounds one call. An exception is logged and retried with backoff: a broken object
    never stops the others.
    """

    def __init__(
        self,
        name: str,
        reconcile: Callable[[Key], Awaitable[Outcome]],
        *,
        workers: int = 4,
        deadline: float = 30.0,
        timers: Timers | None = None,
        backoff: Backoff | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self.name = name
        self.workers = workers
        self.deadline = deadline
        self.active = 0
        self.running = False
        self._reconcile = reconcile
        self._timers = timers or LoopTimers()
        self._metrics: ControllerMetrics | None = None
        self.queue: WorkQueue[Key] = WorkQueue(name, timers=self._timers, backoff=backoff, rng=rng)

    def observe(self, metrics: ControllerMetrics) -> None:
        """Report to `metrics` from now on."""
        self._metrics = metrics
        self.queue.metrics = metrics

    async def run(self) -> None:
        """Work until cancelled or until the queue is closed; keys in work are cancelled with it."""
        self.running = True
        try:
            async with asyncio.TaskGroup() as group:
                for n in range(self.workers):
                    group.create_task(self._work(), name=f"{self.name}-{n}")
        finally:
            self.running = False

    async def _work(self) -> None:
        while True:
            try:
                key = await self.queue.get()
            except QueueClosedError:
                return
            self.active += 1
            try:
                await self._one(key)
            finally:
                self.active -= 1
                self.queue.done(key)

    async def _one(self, key: Key) -> None:
        token = CURRENT.set(Reconciling(self.name, key, f"{next(_ids):x}"))
        started = self._timers.monotonic()
        result = "error"
        try:
            async with asyncio.timeout(self.deadline):
                outcome = await self._reconcile(key)
            result = self._settle(key, outcome)
        except TimeoutError:
            result = "timeout"
            delay = self.queue.add_backoff(key)
            log.warning("reconcile took longer than %g s; again in %.1f s", self.deadline, delay)
        except Exception:
            delay = self.queue.add_backoff(key)
            log.exception("reconcile failed; again in %.1f s", delay)
        finally:
            if self._metrics:
                self._metrics.reconciled(self.name, result, self._timers.monotonic() - started)
            CURRENT.reset(token)

    def _settle(self, key: Key, outcome: Outcome) -> str:
        match outcome:
            case Done():
                self.queue.forget(key)
                return "success"
            case RequeueAfter(seconds=seconds, reason=reason):
                self.queue.forget(key)
                self.queue.add_after(key, seconds)
                if reason:
                    log.debug("again in %.1f s: %s", seconds, reason)
                return "requeue_after"
            case Retry(error=error, after=after):
                delay = self.queue.add_backoff(key, at_least=after or 0.0)
                log.info("not yet: %s; again in %.1f s", error, delay)
                return "retry"
