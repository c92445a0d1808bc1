"""Kopf, as far as it is used: login, discovery and watching in a thread of its own, with its known traps closed.

Which trap each setting closes is told in docs/design/runtime.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import kopf

from policloud.adapters.kube.connection import Connection
from policloud.api.resources import Resource
from policloud.ports import Body

log = logging.getLogger(__name__)

Deliver = Callable[[Resource, str | None, Body], None]
"""resource, type (None: from a list; ADDED, MODIFIED, DELETED), body. Called in Kopf's thread."""

_NO_FINALIZER = "policloud.io/kopf"
_LONGEST_BACKOFF = 5.0  # of one's own API server: nobody is crowded by that
_chance = random.Random()  # noqa: S311 - spreads tries; not the process's own, which others seed


class _Backoffs:
    """Waits between tries that never end: an API server that is away is no reason to give up.

    It has no length on purpose: Kopf then does not count down to the last try.
    """

    def __iter__(self) -> Iterator[float]:
        wait = 0.5
        while True:
            yield wait * _chance.uniform(0.75, 1.25)
            wait = min(_LONGEST_BACKOFF, wait * 2)


class KopfWatch:
    """Watches cluster-wide resources through Kopf until stopped; starts Kopf anew if it ends by itself."""

    def __init__(self, connection: Connection, resources: Sequence[Resource], deliver: Deliver, *, name: str) -> None:
        self._connection = connection
        self._resources = resources
        self._deliver = deliver
        self._name = name
        self._home: asyncio.AbstractEventLoop | None = None
        self._stopping = threading.Event()
        self._running: tuple[asyncio.AbstractEventLoop, asyncio.Task[None]] | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """To be called in the process's own loop: tokens are fetched there, also for Kopf."""
        if not self._resources:
            return
        self._home = asyncio.get_running_loop()
        self._stopping.clear()
        self._thread = threading.Thread(target=self._live, name=f"kopf-{self._name}", daemon=True)
        self._thread.start()

    @property
    def ended(self) -> bool:
        """Whether it was started and is no longer there, unasked."""
        return self._thread is not None and not self._stopping.is_set() and not self._thread.is_alive()

    def stop(self, timeout: float = 2.0) -> None:
        """End Kopf and wait for it; a thread that does not end in time is left behind, which does no harm.

        Kopf is cancelled rather than asked: when asked, it gives tasks of its own that hang five seconds.
        """
        self._stopping.set()
        if self._running is not None:
            loop, task = self._running
            with contextlib.suppress(RuntimeError):  # the loop is closed already
                loop.call_soon_threadsafe(task.cancel)
        if self._thread is not None:
            self._thread.join(timeout)
            if self._thread.is_alive():
                log.info("Kopf did not end within %g s and is left behind", timeout)

    def _live(self) -> None:
        wait = 1.0
        while not self._stopping.is_set():
            try:
                asyncio.run(self._operate())
            except asyncio.CancelledError:
                log.debug("Kopf is cancelled")
            except Exception as e:  # noqa: BLE001 - whatever ended it, it is started again
                log.warning("Kopf ended (%s: %s) and is started again in %.0f s", type(e).__name__, e, wait)
            self._running = None
            self._stopping.wait(wait * _chance.uniform(0.75, 1.25))
            wait = min(30.0, wait * 2)

    async def _operate(self) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - narrows the type
        self._running = (asyncio.get_running_loop(), task)
        if self._stopping.is_set():
            return
        await kopf.operator(registry=self._registry(), settings=settings(self._name), clusterwide=True, standalone=True)

    def _registry(self) -> kopf.OperatorRegistry:
        registry = kopf.OperatorRegistry()
        kopf.on.login(registry=registry, retries=None)(self._login)
        for resource in self._resources:
            kopf.on.event(resource.group, resource.version, resource.plural, registry=registry)(self._handler(resource))
        return registry

    async def _login(self, **_: Any) -> kopf.ConnectionInfo:
        assert self._home is not None  # noqa: S101 - narrows the type
        token = await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._connection.token(), self._home))
        certificate = self._connection.client_certificate
        expiration = None
        if token is not None and token.valid_for is not None:
            expiration = datetime.now(UTC) + timedelta(seconds=token.valid_for)  # noqa: TID251 - Kopf wants wall time
        return kopf.ConnectionInfo(
            server=self._connection.server,
            ca_data=self._connection.ca_pem,
            token=None if token is None else token.value,
            certificate_data=None if certificate is None else certificate.certificate,
            private_key_data=None if certificate is None else certificate.key,
            expiration=expiration,
        )

    def _handler(self, resource: Resource) -> Callable[..., Any]:
        async def on_event(event: Any, **_: Any) -> None:
            self._deliver(resource, event["type"], event["object"])

        on_event.__name__ = f"watch_{resource.plural}"
        return on_event


def settings(name: str) -> kopf.OperatorSettings:
    """Kopf as a watch and nothing else: no persistence, no peering, no posting, no giving up."""
    s = kopf.OperatorSettings()
    s.watching.server_timeout = 270
    s.watching.client_timeout = 300
    s.watching.inactivity_timeout = 3600  # above client_timeout, or their race kills the watcher
    s.watching.connect_timeout = 10
    s.watching.reconnect_backoff = 1.0
    s.watching.chunk_size = 500
    s.watching.initial_streaming = False
    s.queueing.worker_limit = None
    s.queueing.idle_timeout = 1
    s.networking.request_timeout = 20
    s.networking.connect_timeout = 10
    backoffs: Iterable[float] = _Backoffs()
    s.networking.error_backoffs = backoffs
    s.scanning.disabled = True
    s.peering.standalone = True
    s.peering.name = name
    # A name that nobody uses: Kopf takes its finalizer off every object it sees, which must not be ours.
    s.persistence.finalizer = _NO_FINALIZER
    s.posting.enabled = False
    s.posting.loggers = False
    s.process.ultimate_exiting_timeout = None  # it would kill the whole process, not only Kopf's thread
    s.execution.max_workers = 4
    return s
