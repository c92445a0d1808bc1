"""Faults at the API boundary: refusals, lost replies, delays, conflicts and crashes, by a seeded schedule."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from policloud.api.resources import Resource
from policloud.ports import Body, Clock, Cluster, ConflictError, Listing, TransientError, WatchEvent

Fault = Literal["none", "fail", "lose", "delay", "conflict"]


class CrashError(BaseException):
    """The process died here. Not an Exception: nothing that handles errors may survive it."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """Shares of writes (and of reads, for `fail` and `delay`) that go wrong; the rest goes well.

    fail: refused before it is done. lose: done, the reply is lost. delay: done after up to `longest` seconds.
    conflict: refused with a conflict though nobody else wrote.
    """

    seed: int
    fail: float = 0.05
    lose: float = 0.05
    delay: float = 0.1
    conflict: float = 0.05
    longest: float = 1.0


QUIET = Schedule(0, 0, 0, 0, 0)


class FaultyCluster:
    """A Cluster over another one. `crash_after` (a count of writes) raises CrashError after that write is done.

    Use one per process that is simulated: what it counts are the writes of its own user.
    """

    def __init__(
        self,
        cluster: Cluster,
        schedule: Schedule = QUIET,
        *,
        clock: Clock,
        crash_after: int | None = None,
        after_write: Callable[[int], None] = lambda _: None,
    ) -> None:
        self.writes = 0
        self.faults: list[tuple[int, Fault]] = []  # (write number, what)
        self.crash_after = crash_after
        self._cluster = cluster
        self._schedule = schedule
        self._clock = clock
        self._rng = random.Random(schedule.seed)
        self._after_write = after_write

    async def _write(self, call: Callable[[], Awaitable[Any]], *, keep: bool = True) -> Any:
        """`keep` is false for what changes nothing: dry runs and token requests."""
        if not keep:
            return await self._read(call)
        self.writes += 1
        number, fault = self.writes, self._draw(self._schedule.lose, self._schedule.conflict)
        if fault != "none":
            self.faults.append((number, fault))
        if fault == "fail":
            raise TransientError("injected: refused before the write", status=503)
        if fault == "conflict":
            raise ConflictError("injected: the object has been modified")
        if fault == "delay":
            await self._clock.sleep(self._rng.uniform(0.0, self._schedule.longest))
        answer = await call()
        self._after_write(number)
        if self.crash_after is not None and number >= self.crash_after:
            raise CrashError(f"after write {number}")
        if fault == "lose":
            raise TransientError("injected: the reply to the write was lost")
        return answer

    async def _read(self, call: Callable[[], Awaitable[Any]]) -> Any:
        fault = self._draw(0.0, 0.0)
        if fault == "fail":
            raise TransientError("injected: no answer to the read", status=503)
        if fault == "delay":
            await self._clock.sleep(self._rng.uniform(0.0, self._schedule.longest))
        return await call()

    def _draw(self, lose: float, conflict: float) -> Fault:
        dice = self._rng.random()
        shares: tuple[tuple[Fault, float], ...] = (
            ("fail", self._schedule.fail),
            ("delay", self._schedule.delay),
            ("lose", lose),
            ("conflict", conflict),
        )
        for fault, share in shares:
            if dice < share:
                return fault
            dice -= share
        return "none"

    async def get(self, resource: Resource, namespace: str | None, name: str) -> Body:
        answer: Body = await self._read(lambda: self._cluster.get(resource, namespace, name))
        return answer

    async def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        label_selector: str | None = None,
        field_selector: str | None = None,
    ) -> Listing:
        answer: Listing = await self._read(
            lambda: self._cluster.list(
                resource, namespace, label_selector=label_selector, field_selector=field_selector
            )
        )
        return answer

    async def create(self, resource: Resource, body: Body, *, dry_run: bool = False) -> Body:
        answer: Body = await self._write(
            lambda: self._cluster.create(resource, body, dry_run=dry_run), keep=not dry_run
        )
        return answer

    async def replace(self, resource: Resource, body: Body, *, subresource: str | None = None) -> Body:
        answer: Body = await self._write(lambda: self._cluster.replace(resource, body, subresource=subresource))
        return answer

    async def apply(
        self, resource: Resource, body: Body, *, manager: str, force: bool = True, dry_run: bool = False
    ) -> Body:
        answer: Body = await self._write(
            lambda: self._cluster.apply(resource, body, manager=manager, force=force, dry_run=dry_run),
            keep=not dry_run,
        )
        return answer

    async def apply_status(self, resource: Resource, body: Body, *, manager: str) -> Body:
        answer: Body = await self._write(lambda: self._cluster.apply_status(resource, body, manager=manager))
        return answer

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
        answer: Body = await self._write(
            lambda: self._cluster.merge_patch(
                resource, namespace, name, patch, subresource=subresource, manager=manager
            )
        )
        return answer

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
        await self._write(
            lambda: self._cluster.delete(
                resource, namespace, name, uid=uid, resource_version=resource_version, propagation=propagation
            )
        )

    async def create_token(
        self, namespace: str, service_account: str, *, seconds: int, audiences: Sequence[str]
    ) -> Body:
        answer: Body = await self._write(
            lambda: self._cluster.create_token(namespace, service_account, seconds=seconds, audiences=audiences),
            keep=False,
        )
        return answer

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
