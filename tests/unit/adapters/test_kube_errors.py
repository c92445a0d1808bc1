import json
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from policloud.adapters.kube import errors
from policloud.adapters.kube.client import HttpCluster
from policloud.adapters.kube.connection import Connection, Token
from policloud.api.resources import CONFIG_MAP, POD
from policloud.ports import (
    ApiError,
    Body,
    ConflictError,
    NotFoundError,
    RejectedError,
    TransientError,
    UnauthenticatedError,
)
from policloud.testing.controlplane.certificates import Authority

SECRET_TOKEN = "tok-very-secret"


def status(code: int, reason: str = "", message: str = "no", **details: object) -> bytes:
    return json.dumps(
        {"kind": "Status", "code": code, "reason": reason, "message": message, "details": details}
    ).encode()


@pytest.mark.parametrize(
    ("code", "raw", "headers", "kind", "facts"),
    [
        (401, status(401), {}, UnauthenticatedError, {}),
        (403, status(403), {}, RejectedError, {"status": 403}),
        (404, status(404, name="a", kind="pods"), {}, NotFoundError, {"missing_kind": False}),
        (404, b"404 page not found\n", {}, NotFoundError, {"missing_kind": True}),
        (409, status(409, "AlreadyExists"), {}, ConflictError, {"already_exists": True}),
        (409, status(409, "Conflict"), {}, ConflictError, {"already_exists": False}),
        (410, status(410, "Expired"), {}, RejectedError, {"status": 410}),
        (422, status(422, "Invalid"), {}, RejectedError, {"status": 422}),
        (429, status(429), {"Retry-After": "7"}, TransientError, {"retry_after": 7.0, "status": 429}),
        (429, status(429, retryAfterSeconds=3), {}, TransientError, {"retry_after": 3.0}),
        (429, status(429), {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}, TransientError, {"retry_after": None}),
        (500, b"<html>", {}, TransientError, {"status": 500}),
        (504, b"", {}, TransientError, {"message": "get pods a/b: HTTP 504"}),
    ],
)
def test_every_answer_has_its_error(
    code: int, raw: bytes, headers: dict[str, str], kind: type[ApiError], facts: dict[str, object]
) -> None:
    error = errors.from_response("get pods a/b", code, raw, headers)
    assert type(error) is kind
    assert error.message.startswith("get pods a/b: ")
    assert {name: getattr(error, name) for name in facts} == facts


def test_an_expired_watch_is_told_from_a_failed_one() -> None:
    assert isinstance(errors.from_watch("watch pods", {"code": 410}), RejectedError)
    assert isinstance(errors.from_watch("watch pods", {"code": 500}), TransientError)


def test_long_messages_are_cut() -> None:
    assert len(errors.from_response("get", 422, status(422, message="x" * 100_000), {}).message) <= 2000


class Server:
    """A TLS server that answers as a test wants, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[web.Request] = []
        self.answers: list[web.Response] = []
        self.tokens = 0

    async def handle(self, request: web.Request) -> web.Response:
        self.asked.append(request)
        return self.answers.pop(0)

    async def token(self) -> Token:
        self.tokens += 1
        return Token(f"{SECRET_TOKEN}-{self.tokens}")


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[tuple[Server, HttpCluster]]:
    authority = Authority(tmp_path, "test")
    pair = authority.server("server", ["127.0.0.1"])
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pair.certificate, pair.key)
    server = Server()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    port = runner.addresses[0][1]
    cluster = HttpCluster(Connection(f"https://127.0.0.1:{port}", authority.pem, server.token), timeout=5)
    yield server, cluster
    await cluster.close()
    await runner.cleanup()


def ok(body: Body) -> web.Response:
    return web.json_response(body)


async def test_a_refused_token_is_replaced_once(served: tuple[Server, HttpCluster]) -> None:
    server, cluster = served
    server.answers = [web.Response(status=401, body=status(401)), ok({"metadata": {"name": "a"}})]
    assert await cluster.get(POD, "ns", "a") == {"metadata": {"name": "a"}}
    server.answers = [web.Response(status=401, body=status(401)) for _ in range(2)]
    with pytest.raises(UnauthenticatedError) as caught:
        await cluster.get(POD, "ns", "a")
    assert SECRET_TOKEN not in caught.value.message
    assert server.tokens == 3


async def test_a_redirect_is_refused_not_followed_with_the_credential(served: tuple[Server, HttpCluster]) -> None:
    server, cluster = served
    server.answers = [web.Response(status=302, headers={"Location": "https://elsewhere.example/"})]
    with pytest.raises(RejectedError):
        await cluster.get(POD, "ns", "a")
    assert len(server.asked) == 1


async def test_a_list_comes_in_pages_and_starts_anew_if_it_expires(served: tuple[Server, HttpCluster]) -> None:
    server, cluster = served

    def page(name: str, more: str) -> web.Response:
        return ok({"items": [{"metadata": {"name": name}}], "metadata": {"resourceVersion": "7", "continue": more}})

    server.answers = [page("a", "more"), page("b", "")]
    listing = await cluster.list(POD)
    assert [i["metadata"]["name"] for i in listing.items] == ["a", "b"]
    assert [i["kind"] for i in listing.items] == ["Pod", "Pod"]
    server.answers = [page("a", "more"), web.Response(status=410, body=status(410)), page("c", "")]
    listing = await cluster.list(POD)
    assert [i["metadata"]["name"] for i in listing.items] == ["c"]
    assert "limit" not in server.asked[-1].query


async def test_what_is_too_large_is_not_sent(served: tuple[Server, HttpCluster]) -> None:
    server, cluster = served
    with pytest.raises(RejectedError, match="an API server takes"):
        await cluster.create(CONFIG_MAP, {"metadata": {"namespace": "a", "name": "b"}, "data": {"x": "y" * 2_000_000}})
    assert server.asked == []


async def test_another_authority_is_not_trusted(served: tuple[Server, HttpCluster], tmp_path: Path) -> None:
    _, cluster = served
    other = Authority(tmp_path / "other", "other").pem
    stranger = HttpCluster(Connection(cluster.connection.server, other))
    with pytest.raises(TransientError, match="certificate verify failed"):
        await stranger.get(POD, "ns", "a")
    await stranger.close()


async def test_nobody_there(served: tuple[Server, HttpCluster]) -> None:
    _, cluster = served
    nobody = HttpCluster(Connection("https://127.0.0.1:1", cluster.connection.ca_pem))
    with pytest.raises(TransientError):
        await nobody.get(POD, "ns", "a")
    await nobody.close()
