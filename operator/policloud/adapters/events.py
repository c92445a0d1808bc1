"""Kubernetes Events (events.k8s.io/v1): repeats become one series, bursts are cut, nobody waits for them."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from policloud.api.resources import EVENT
from policloud.ports import ApiError, Body, Clock, Cluster, NotFoundError

log = logging.getLogger(__name__)

_QUEUE = 1000
_SERIES = 2000
_SERIES_IDLE_SECONDS = 600.0
_FLUSH_SECONDS = 30.0  # a repeat is written at most so often
_BURST = 25.0  # events of one object at once…
_REFILL_SECONDS = 60.0  # …and then one each
_BUCKETS = 4096
_NOTE_BYTES = 1024

_Series = tuple[str, str, str, str]  # uid, type, reason, message


@dataclass(slots=True)
class _Told:
    """One series: what it is about, and what the API server knows of it."""

    regarding: Body
    last: float
    name: str = ""
    count: int = 1
    written: int = 0
    written_at: float = float("-inf")


class EventRecorder:
    """Implements ports.Recorder. `event` only notes; `run` writes. Losing an Event is fine, blocking is not.

    The same event on the same object within ten minutes is counted in its series, not written anew; one object
    gets 25 events at once, then one a minute.
    """

    def __init__(
        self,
        cluster: Cluster,
        *,
        clock: Clock,
        component: str,
        instance: str,
        result: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._cluster = cluster
        self._clock = clock
        self._component = component
        self._instance = instance[:128]
        self._result = result
        self._series: OrderedDict[_Series, _Told] = OrderedDict()
        self._pending: deque[_Series] = deque()
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self._wake = asyncio.Event()

    def event(self, regarding: Body, *, type_: Literal["Normal", "Warning"], reason: str, message: str) -> None:
        meta = regarding.get("metadata") or {}
        key = (str(meta.get("uid") or meta.get("name")), type_, reason[:128], message[:1024])
        now = self._clock.monotonic()
        told = self._series.get(key)
        if told is not None and now - told.last < _SERIES_IDLE_SECONDS:
            told.count += 1
            told.last = now
            self._result("repeated")
            return
        if len(self._pending) >= _QUEUE or not self._allowed(key[0], now):
            self._result("dropped")
            return
        self._series[key] = _Told(regarding, now)
        self._series.move_to_end(key)
        while len(self._series) > _SERIES:
            self._series.popitem(last=False)
        self._pending.append(key)
        self._wake.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Write what was noted, until `stop`; what is noted by then is still tried once."""
        while not stop.is_set():
            await self._pause(stop)
            await self._write_pending()
            await self._write_repeats()
        await self._write_pending()

    async def _pause(self, stop: asyncio.Event) -> None:
        waits = [asyncio.ensure_future(e.wait()) for e in (stop, self._wake)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED, timeout=_FLUSH_SECONDS)
        finally:
            for wait in waits:
                wait.cancel()
        self._wake.clear()

    async def _write_pending(self) -> None:
        while self._pending:
            key = self._pending.popleft()
            if (told := self._series.get(key)) is not None:
                await self._send(key, told)

    async def _write_repeats(self) -> None:
        now = self._clock.monotonic()
        for key, told in [*self._series.items()]:
            if now - told.last >= _SERIES_IDLE_SECONDS:
                del self._series[key]
            elif told.count > told.written and now - told.written_at >= _FLUSH_SECONDS:
                await self._send(key, told)

    async def _send(self, key: _Series, told: _Told) -> None:
        count = told.count
        try:
            if told.name:
                await self._repeat(told, count)
            else:
                await self._create(key, told)
            self._result("written")
        except NotFoundError:
            told.name = ""  # the server has forgotten it (an hour by default): tell anew next time
        except ApiError as e:
            self._result("failed")
            log.debug("event not written: %s", e.message)
        except Exception:
            self._result("failed")
            log.exception("event not written")
        told.written, told.written_at = count, self._clock.monotonic()

    async def _create(self, key: _Series, told: _Told) -> None:
        _, type_, reason, message = key
        meta = told.regarding["metadata"]
        name = f"{meta['name'][:200]}.{uuid.uuid4().hex[:16]}"
        body: Body = {
            "apiVersion": EVENT.api_version,
            "kind": EVENT.kind,
            "metadata": {"name": name, "namespace": meta.get("namespace") or "default"},
            "eventTime": self._now(),
            "reportingController": self._component,
            "reportingInstance": self._instance,
            "action": "Reconcile",
            "type": type_,
            "reason": reason,
            "note": _cut(message),
            "regarding": {
                "apiVersion": told.regarding.get("apiVersion"),
                "kind": told.regarding.get("kind"),
                "name": meta["name"],
                "namespace": meta.get("namespace", ""),
                "uid": meta.get("uid", ""),
            },
        }
        if told.count > 1:
            body["series"] = {"count": told.count, "lastObservedTime": body["eventTime"]}
        await self._cluster.create(EVENT, body)
        told.name = name

    async def _repeat(self, told: _Told, count: int) -> None:
        namespace = told.regarding["metadata"].get("namespace") or "default"
        patch = {"series": {"count": count, "lastObservedTime": self._now()}}
        await self._cluster.merge_patch(EVENT, namespace, told.name, patch)

    def _now(self) -> str:
        return self._clock.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def _allowed(self, uid: str, now: float) -> bool:
        tokens, at = self._buckets.pop(uid, (_BURST, now))
        tokens = min(_BURST, tokens + (now - at) / _REFILL_SECONDS)
        allowed = tokens >= 1
        self._buckets[uid] = (tokens - 1 if allowed else tokens, now)
        while len(self._buckets) > _BUCKETS:
            self._buckets.popitem(last=False)
        return allowed


def _cut(message: str) -> str:
    """The limit of an Event's note is in bytes."""
    raw = message.encode()
    return message if len(raw) <= _NOTE_BYTES else raw[: _NOTE_BYTES - 4].decode(errors="ignore") + "…"
