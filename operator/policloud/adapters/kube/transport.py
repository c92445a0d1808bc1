"""HTTP to one API server: credentials, time limits, size limits, error mapping, one measurement per request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Protocol

import aiohttp
import orjson

from policloud.adapters.kube import errors
from policloud.adapters.kube.connection import Connection, ConnectionConfigError
from policloud.ports import ApiError, Body, RejectedError, TransientError, UnauthenticatedError

JSON = "application/json"
_MAX_REQUEST = 1_500_000  # etcd's own limit is 1.5 MiB
_MAX_RESPONSE = 64 << 20
_NETWORK_ERRORS = (aiohttp.ClientError, TimeoutError, OSError, orjson.JSONDecodeError)


class ClientMetrics(Protocol):
    """Told about every request: verb as in RBAC, HTTP method and code, "<error>" if there was no answer."""

    def request(self, verb: str, method: str, code: str, seconds: float) -> None: ...


@dataclass(frozen=True, slots=True)
class Call:
    """One request. `what` names it in messages ("get pods a/b"), `verb` in metrics."""

    verb: str
    method: str
    path: str
    what: str
    params: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    content_type: str = JSON
    timeout: aiohttp.ClientTimeout | None = None


class Transport:
    """Sends calls. Belongs to the event loop of its first call; `close` it there. Raises only ApiErrors."""

    def __init__(
        self, connection: Connection, *, metrics: ClientMetrics | None, timeout: float, user_agent: str
    ) -> None:
        self.connection = connection
        self._metrics = metrics
        self._timeout = aiohttp.ClientTimeout(total=timeout, sock_connect=10.0)
        self._user_agent = user_agent
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def exchange(self, call: Call) -> Body:
        """Send and read the JSON object that comes back."""
        try:
            async with await self._send(call) as response:
                answer = orjson.loads(await _read(response, call.what))
        except _NETWORK_ERRORS as e:
            raise errors.from_network(call.what, e) from e
        return answer if isinstance(answer, dict) else {}

    async def stream(self, call: Call) -> AsyncIterator[Any]:
        """Send and yield one JSON value a line, until the server closes."""
        try:
            async with await self._send(call) as response:
                async for line in _lines(response, call.what):
                    yield orjson.loads(line)
        except _NETWORK_ERRORS as e:
            raise errors.from_network(call.what, e) from e

    async def _send(self, call: Call) -> aiohttp.ClientResponse:
        """The response, if it is a success; a refused token is replaced once."""
        data = None if call.body is None else orjson.dumps(call.body)
        if data is not None and len(data) > _MAX_REQUEST:
            raise RejectedError(f"{call.what}: {len(data)} bytes; an API server takes {_MAX_REQUEST}", status=413)
        error = await self._attempt(call, data)
        if isinstance(error, UnauthenticatedError):
            self.connection.invalidate()
            error = await self._attempt(call, data)
        if isinstance(error, aiohttp.ClientResponse):
            return error
        raise error

    async def _attempt(self, call: Call, data: bytes | None) -> aiohttp.ClientResponse | ApiError:
        headers = {"Accept": JSON}
        if data is not None:
            headers["Content-Type"] = call.content_type
        try:
            if token := await self.connection.token():
                headers["Authorization"] = f"Bearer {token.value}"
        except ConnectionConfigError as e:
            return UnauthenticatedError(f"{call.what}: {e}", status=401)
        response = await self._measured(call, data, headers)
        if response.status < HTTPStatus.MULTIPLE_CHOICES:
            return response
        async with response:
            return errors.from_response(call.what, response.status, await _read(response, call.what), response.headers)

    async def _measured(self, call: Call, data: bytes | None, headers: dict[str, str]) -> aiohttp.ClientResponse:
        started = asyncio.get_running_loop().time()
        code = "<error>"
        try:
            response = await self._http().request(
                call.method,
                self.connection.server + call.path,
                params=call.params,
                data=data,
                headers=headers,
                timeout=call.timeout or self._timeout,
                allow_redirects=False,  # a redirect would carry the credential elsewhere
            )
            code = str(response.status)
        finally:
            if self._metrics is not None:
                self._metrics.request(call.verb, call.method, code, asyncio.get_running_loop().time() - started)
        return response

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(ssl=self.connection.ssl_context(), limit=100, keepalive_timeout=30)
            self._session = aiohttp.ClientSession(
                connector=connector, headers={"User-Agent": self._user_agent}, proxy=self.connection.proxy
            )
        return self._session


async def _read(response: aiohttp.ClientResponse, what: str) -> bytes:
    raw = bytearray()
    async for chunk in response.content.iter_any():
        raw += chunk
        if len(raw) > _MAX_RESPONSE:
            raise TransientError(f"{what}: the answer is larger than {_MAX_RESPONSE >> 20} MiB")
    return bytes(raw)


async def _lines(response: aiohttp.ClientResponse, what: str) -> AsyncIterator[bytes]:
    rest = b""
    async for chunk in response.content.iter_any():
        *whole, rest = (rest + chunk).split(b"\n")
        if len(rest) > _MAX_RESPONSE:
            raise TransientError(f"{what}: one event is larger than {_MAX_RESPONSE >> 20} MiB")
        for line in whole:
            if line:
                yield line
