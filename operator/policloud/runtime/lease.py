"""Leadership by a lease: at most one leader by its own view, judged by its own monotonic clock alone."""

from __future__ import annotations

import asyncio
import logging
import random
from dataclasses import dataclass, replace
from typing import Protocol

from policloud.runtime.timers import LoopTimers, Timers

log = logging.getLogger(__name__)


class LeaseConflictError(Exception):
    """Someone else wrote it first."""


class LeaseUnavailableError(Exception):
    """It could not be read or written; whether a write happened is unknown."""


@dataclass(frozen=True, slots=True)
class LeaseRecord:
    """What the lease says. `renewals` changes with every renewal; `version` is its write precondition."""

    holder: str
    seconds: int
    transitions: int = 0
    renewals: str = ""
    version: str = ""


class LeaseStore(Protocol):
    """Where the lease is kept. All three raise LeaseUnavailableError; the writes LeaseConflictError."""

    async def get(self) -> LeaseRecord | None: ...

    async def create(self, record: LeaseRecord) -> LeaseRecord: ...

    async def replace(self, record: LeaseRecord) -> LeaseRecord:
        """Write over `record.version`, and only over that."""
        ...


class LeaseElector:
    """Becomes leader when the lease is free or has not been renewed for its whole duration, as seen from here.

    The leader stops being one by its own view `renew_deadline` seconds after it *sent* its last acknowledged
    renewal, which is before anyone else may take over (`seconds` after *observing* it). `run` returns when
    leadership is lost or `stop` is set; on a wanted stop the lease is given back.
    """

    def __init__(
        self,
        store: LeaseStore,
        identity: str,
        *,
        seconds: int = 15,
        renew_deadline: float = 10.0,
        retry: float = 2.0,
        timers: Timers | None = None,
        rng: random.Random | None = None,
    ) -> None:
        if not retry < renew_deadline < seconds:
            raise ValueError(f"needs retry < renew_deadline < seconds, has {retry}, {renew_deadline}, {seconds}")
        self.identity = identity
        self.leading = asyncio.Event()
        self._store = store
        self.seconds = seconds
        self._renew_deadline = renew_deadline
        self._retry = retry
        self._timers = timers or LoopTimers()
        self._rng = rng or random.Random()  # noqa: S311 - spreads attempts, guards nothing
        self._observed: LeaseRecord | None = None
        self._observed_at = 0.0
        self._sent_at: float | None = None

    @property
    def is_leader(self) -> bool:
        """Whether we may act now. Ask it right before an act; it turns false by time alone."""
        return self._sent_at is not None and self._timers.monotonic() < self._sent_at + self._renew_deadline

    @property
    def age(self) -> float | None:
        """Seconds since our last acknowledged renewal was sent; None if we do not lead."""
        return None if self._sent_at is None else self._timers.monotonic() - self._sent_at

    @property
    def holder(self) -> str:
        """Who holds the lease as last seen; "" if nobody."""
        return self._observed.holder if self._observed else ""

    async def run(self, stop: asyncio.Event) -> None:
        """Strive for leadership, then keep it; returns when it is lost, or when `stop` is set."""
        try:
            while not stop.is_set():
                await self._attempt()
                if self._sent_at is not None and not self.is_leader:
                    log.error("leadership lost: the lease could not be renewed for %g s", self._renew_deadline)
                    return
                await self._pause(stop)
        finally:
            self.leading.clear()
            if stop.is_set() and self.is_leader:
                await self._release()
            self._sent_at = None

    async def _attempt(self) -> None:
        try:
            async with asyncio.timeout(self._renew_deadline / 2):
                await self._try()
        except LeaseConflictError:
            log.debug("the lease was written by another")
        except (LeaseUnavailableError, TimeoutError) as e:
            log.warning("the lease cannot be reached: %s", e or "no answer in time")

    async def _try(self) -> None:
        current = await self._store.get()
        self._observe(current)
        if current is not None and current.holder not in {"", self.identity} and not self._expired():
            if self._sent_at is not None:
                self._sent_at = float("-inf")  # taken from us: not a leader from now on
            return
        sent_at = self._timers.monotonic()
        mine = self._next(current)
        written = await (self._store.create(mine) if current is None else self._store.replace(mine))
        self._observe(written)
        if self._sent_at is None:
            log.info("leading as %s", self.identity)
        self._sent_at = sent_at
        if self.is_leader:
            self.leading.set()

    def _next(self, current: LeaseRecord | None) -> LeaseRecord:
        if current is None:
            return LeaseRecord(self.identity, self.seconds)
        taken = current.holder != self.identity
        return replace(
            current, holder=self.identity, seconds=self.seconds, transitions=current.transitions + (1 if taken else 0)
        )

    def _observe(self, record: LeaseRecord | None) -> None:
        if record != self._observed:
            self._observed, self._observed_at = record, self._timers.monotonic()

    def _expired(self) -> bool:
        assert self._observed is not None  # noqa: S101 - narrows the type
        duration = max(self._observed.seconds, 1)
        return self._timers.monotonic() >= self._observed_at + duration

    async def _pause(self, stop: asyncio.Event) -> None:
        timer = asyncio.ensure_future(self._timers.sleep(self._retry * (0.9 + 0.2 * self._rng.random())))
        stopping = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait({timer, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
            stopping.cancel()

    async def _release(self) -> None:
        """Give it back, so that the next leader need not wait for it to expire."""
        if self._observed is None or self._observed.holder != self.identity:
            return
        try:
            async with asyncio.timeout(self._retry):
                await self._store.replace(replace(self._observed, holder="", seconds=1))
        except (LeaseConflictError, LeaseUnavailableError, TimeoutError):
            log.warning("the lease could not be given back; it expires in %d s", self.seconds)
