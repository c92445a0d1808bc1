"""What happened in a fake API server, in order, for its watches."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal

from policloud.ports import Body, RejectedError, WatchEvent
from policloud.testing.selectors import matches


@dataclass(frozen=True, slots=True)
class _Happened:
    version: int
    resource: str
    type: Literal["ADDED", "MODIFIED", "DELETED"]
    body: Body
    before: Body | None


class History:
    """One counter of versions for all resources, as etcd has one."""

    def __init__(self) -> None:
        self.version = 1
        self._events: list[_Happened] = []
        self._compacted = 0
        self._drops = 0
        self._news = asyncio.Event()

    def record(
        self, resource: str, type_: Literal["ADDED", "MODIFIED", "DELETED"], body: Body, before: Body | None
    ) -> Body:
        """Give `body` its version and tell the watches; the body is returned."""
        self.version += 1
        body["metadata"]["resourceVersion"] = str(self.version)
        self._events.append(_Happened(self.version, resource, type_, body, before))
        self._wake()
        return body

    def compact(self) -> None:
        self._compacted = self.version
        self._events.clear()
        self.drop()

    def drop(self) -> None:
        self._drops += 1
        self._wake()

    def _wake(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def follow(
        self, resource: str, namespace: str | None, since: int, selector: str | None
    ) -> AsyncIterator[WatchEvent]:
        """Events after `since` until dropped; RejectedError 410 if they are compacted."""
        drops = self._drops
        while True:
            if since < self._compacted:
                raise RejectedError(f"too old resource version: {since} ({self._compacted})", status=410)
            if self._drops != drops:
                return
            news = self._news
            for happened in [e for e in self._events if e.version > since]:
                since = happened.version
                event = _seen(happened, resource, namespace, selector)
                if event is not None:
                    yield event
            await news.wait()


def _seen(happened: _Happened, resource: str, namespace: str | None, selector: str | None) -> WatchEvent | None:
    """How a watch with that scope sees it: what stops matching its selector is deleted for it."""
    if happened.resource != resource:
        return None
    if namespace is not None and happened.body["metadata"].get("namespace") != namespace:
        return None
    now = happened.type != "DELETED" and matches(happened.body, selector)
    before = happened.before is not None and matches(happened.before, selector)
    if now:
        return WatchEvent("MODIFIED" if before else "ADDED", happened.body)
    return WatchEvent("DELETED", happened.body) if before else None
