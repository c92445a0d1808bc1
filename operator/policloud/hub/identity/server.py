"""The identity endpoint over HTTPS: bounded bodies, rate limits, answers that give nothing away."""

from __future__ import annotations

import asyncio
import logging
import math
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs

from aiohttp import web

from policloud.domain.federation.identity import ASSERTION_TYPE
from policloud.hub.identity.join import Joining
from policloud.hub.identity.limits import RateLimit
from policloud.hub.identity.requests import MAX_BODY, RefusalError, bad_request, read_join, read_nonce_request
from policloud.hub.identity.tokens import Tokens
from policloud.ports import ApiError, Clock

log = logging.getLogger(__name__)

_CERTIFICATE_CHECK_SECONDS: Final = 60.0
_HEADERS: Final = {"Cache-Control": "no-store", "Pragma": "no-cache"}
_FORM: Final = "application/x-www-form-urlencoded"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class IdentityServer:
    """`POST /v1/join`, `/v1/nonce`, `/v1/token`, and `GET /healthz`. `run` serves until `stop` is set.

    `listen`: host:port. Certificate and key are PEM files, read again when they change.
    """

    def __init__(
        self, joining: Joining, tokens: Tokens, clock: Clock, *, listen: str, certificate: Path, key: Path
    ) -> None:
        self._joining = joining
        self._tokens = tokens
        self._listen = listen
        self._files = (certificate, key)
        # A site asks for a nonce and a token about once an hour; these leave room for restarts behind one address.
        self._by_address = RateLimit(clock, per_minute=240, burst=240)
        self._joins = RateLimit(clock, per_minute=10, burst=10)
        self._by_member = RateLimit(clock, per_minute=30, burst=30)
        self.ready = asyncio.Event()
        self.port = 0  # the one bound; known once `ready` is set

    def application(self) -> web.Application:
        app = web.Application(client_max_size=MAX_BODY, middlewares=[self._guard])
        app.router.add_post("/v1/join", self._join)
        app.router.add_post("/v1/nonce", self._nonce)
        app.router.add_post("/v1/token", self._token)
        app.router.add_get("/healthz", _healthz)
        return app

    async def run(self, stop: asyncio.Event) -> None:
        context = _server_context()
        context.load_cert_chain(*self._files)
        runner = web.AppRunner(self.application(), access_log=None, keepalive_timeout=15)
        await runner.setup()
        host, _, port = self._listen.rpartition(":")
        try:
            site = web.TCPSite(runner, host.strip("[]") or None, int(port), ssl_context=context)
            await site.start()
            self.port = runner.addresses[0][1]
            self.ready.set()
            log.info("identity endpoint listens on %s", self._listen)
            await self._serve(stop, context)
        finally:
            await runner.cleanup()

    async def _serve(self, stop: asyncio.Event, context: ssl.SSLContext) -> None:
        loaded = self._changed()
        while not stop.is_set():
            try:
                async with asyncio.timeout(_CERTIFICATE_CHECK_SECONDS):
                    await stop.wait()
            except TimeoutError:
                found = self._changed()
                if found != loaded and _reload(context, *self._files):
                    loaded = found

    def _changed(self) -> tuple[float, ...]:
        try:
            return tuple(path.stat().st_mtime for path in self._files)
        except OSError:
            return ()

    @web.middleware
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Limits first; then every failure becomes an answer that neither explains us nor repeats the request."""
        try:
            if request.method == "POST":
                _wait_if(self._by_address.take(request.remote or "?"))
            return await handler(request)
        except RefusalError as refusal:
            return _refused(refusal)
        except web.HTTPRequestEntityTooLarge:
            return _refused(RefusalError(413, "invalid_request", f"the body is larger than {MAX_BODY} bytes"))
        except web.HTTPException as error:
            return _refused(RefusalError(error.status, "invalid_request", error.reason))
        except ApiError as error:
            log.warning("identity endpoint: %s", error.message)
            return _refused(RefusalError(503, "temporarily_unavailable", "the hub cannot answer now", retry_after=2))
        except Exception:
            log.exception("identity endpoint failed")
            return _refused(RefusalError(500, "server_error", "the hub failed to answer; its log says why"))

    async def _join(self, request: web.Request) -> web.Response:
        join = read_join(await request.read())
        # Per name *and* address: nobody can lock a site out by asking in its name.
        _wait_if(self._joins.take(f"{join.membership} {request.remote}"))
        await self._joining.join(join)
        return _answer({"membership": join.membership, "joined": True})

    async def _nonce(self, request: web.Request) -> web.Response:
        nonce = self._tokens.nonce(read_nonce_request(await request.read()))
        return _answer({"nonce": nonce.text, "ends": nonce.ends})

    async def _token(self, request: web.Request) -> web.Response:
        membership = await self._tokens.authenticate(_assertion(request.content_type, await request.read()))
        _wait_if(self._by_member.take(membership))
        granted = await self._tokens.grant(membership)
        return _answer({"access_token": granted.token, "token_type": "Bearer", "expires_in": granted.seconds})


def _assertion(content_type: str, raw: bytes) -> str:
    """The one field of an RFC 7523 client-credentials request that matters; the others must be what they are."""
    if content_type != _FORM:
        raise bad_request(f"the body must be {_FORM}")
    try:
        form = parse_qs(raw.decode("ascii"), strict_parsing=True, max_num_fields=4)
    except ValueError:
        raise bad_request("the body is not a form") from None
    if form.get("grant_type") != ["client_credentials"] or form.get("client_assertion_type") != [ASSERTION_TYPE]:
        raise bad_request("grant_type must be client_credentials, client_assertion_type that of RFC 7523")
    if len(form.get("client_assertion", [])) != 1:
        raise bad_request("client_assertion must be given once")
    return form["client_assertion"][0]


def _wait_if(seconds: float) -> None:
    if seconds > 0:
        raise RefusalError(429, "too_many_requests", "too many requests; try again later", retry_after=seconds)


def _answer(body: dict[str, object], status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response(body, status=status, headers={**_HEADERS, **(headers or {})})


def _refused(refusal: RefusalError) -> web.Response:
    headers = {"Retry-After": str(math.ceil(refusal.retry_after))} if refusal.retry_after else {}
    return _answer({"error": refusal.error, "error_description": refusal.message}, refusal.status, headers)


async def _healthz(_request: web.Request) -> web.Response:
    return web.Response(text="ok\n")


def _server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def _reload(context: ssl.SSLContext, certificate: Path, key: Path) -> bool:
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        log.warning("the new certificate %s cannot be used, the old one stays: %s", certificate, error)
        return False
    log.info("identity endpoint uses the renewed certificate %s", certificate)
    return True
