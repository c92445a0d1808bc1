"""The process's own port: /healthz and /readyz for anyone, /metrics for whom the API server vouches."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import OrderedDict

from aiohttp import web

from policloud.adapters.metrics import CONTENT_TYPE, Metrics
from policloud.api.resources import SUBJECT_ACCESS_REVIEW, TOKEN_REVIEW
from policloud.ports import ApiError, Body, Clock, Cluster
from policloud.runtime.watchdog import Verdict, Watchdog

log = logging.getLogger(__name__)

_CACHE_SECONDS = 60.0
_CACHE_SIZE = 256
_PATH = "/metrics"


class ListenError(Exception):
    """The address cannot be listened on; the message says which and why."""


class MetricsGuard:
    """Whether a bearer token may read /metrics: TokenReview, then SubjectAccessReview, as kube-rbac-proxy does.

    Verdicts are kept for 60 s under a hash of the token. An API server that cannot be asked means no.
    """

    def __init__(self, cluster: Cluster, clock: Clock) -> None:
        self._cluster = cluster
        self._clock = clock
        self._known: OrderedDict[bytes, tuple[float, int]] = OrderedDict()

    async def status(self, authorization: str) -> int:
        """The HTTP status to answer with: 200, 401, 403 or 503."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            return web.HTTPUnauthorized.status_code
        digest = hashlib.sha256(token.strip().encode()).digest()
        now = self._clock.monotonic()
        known = self._known.get(digest)
        if known is not None and now - known[0] < _CACHE_SECONDS:
            return known[1]
        try:
            status = await self._ask(token.strip())
        except ApiError as e:
            log.warning("cannot check who asks for metrics: %s", e.message)
            return web.HTTPServiceUnavailable.status_code
        self._known[digest] = (now, status)
        while len(self._known) > _CACHE_SIZE:
            self._known.popitem(last=False)
        return status

    async def _ask(self, token: str) -> int:
        review = await self._cluster.create(TOKEN_REVIEW, _review(TOKEN_REVIEW.api_version, "TokenReview", token=token))
        told = review.get("status") or {}
        if not told.get("authenticated"):
            return web.HTTPUnauthorized.status_code
        user = told.get("user") or {}
        access = await self._cluster.create(
            SUBJECT_ACCESS_REVIEW,
            _review(
                SUBJECT_ACCESS_REVIEW.api_version,
                "SubjectAccessReview",
                user=user.get("username", ""),
                uid=user.get("uid", ""),
                groups=user.get("groups") or [],
                extra=user.get("extra") or {},
                nonResourceAttributes={"path": _PATH, "verb": "get"},
            ),
        )
        return 200 if (access.get("status") or {}).get("allowed") else web.HTTPForbidden.status_code


def _review(api_version: str, kind: str, **spec: object) -> Body:
    return {"apiVersion": api_version, "kind": kind, "metadata": {}, "spec": spec}


class ProbeServer:
    """Listens on `listen` ("127.0.0.1:8081"; port 0 takes a free one, see `port`) until stopped."""

    def __init__(self, listen: str, *, metrics: Metrics, guard: MetricsGuard) -> None:
        self._host, _, port = listen.rpartition(":")
        if not port.isdecimal():
            raise ListenError(f"{listen!r} is not HOST:PORT, as 127.0.0.1:8081")
        self.port = int(port)
        self.metrics = metrics
        self._guard = guard
        self._watchdog: Watchdog | None = None
        self._runner: web.AppRunner | None = None

    def attach(self, watchdog: Watchdog) -> None:
        """Answer from these checks; before, the process is alive and not ready."""
        self._watchdog = watchdog

    async def start(self) -> None:
        """ListenError if the port is taken."""
        app = web.Application(client_max_size=1024)
        app.router.add_get("/healthz", self._healthz)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get(_PATH, self._metrics)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self._host.strip("[]") or None, self.port)
        try:
            await site.start()
        except OSError as e:
            await self.stop()
            raise ListenError(f"cannot listen on {self._host}:{self.port}: {e.strerror}") from e
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _healthz(self, _: web.Request) -> web.Response:
        return _answer(Verdict(()) if self._watchdog is None else self._watchdog.live())

    async def _readyz(self, _: web.Request) -> web.Response:
        return _answer(Verdict(("starting",)) if self._watchdog is None else self._watchdog.ready())

    async def _metrics(self, request: web.Request) -> web.Response:
        status = await self._guard.status(request.headers.get("Authorization", ""))
        if status != web.HTTPOk.status_code:
            hint = "needs a bearer token that may get the non-resource URL /metrics\n"
            return web.Response(status=status, text=hint)
        body = await asyncio.to_thread(self.metrics.render)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE})


def _answer(verdict: Verdict) -> web.Response:
    if verdict.ok:
        return web.Response(text="ok\n")
    return web.Response(status=web.HTTPServiceUnavailable.status_code, text="\n".join(verdict.reasons) + "\n")
