"""Codes, keys and tokens are in the Secrets made for them and nowhere else: not in objects, events, logs or answers."""

import base64
import json
import logging
from typing import Any

import aiohttp
import pytest

from linklab import HubLab, until
from policloud.api.resources import SECRET
from policloud.domain.federation.link import LinkReason
from policloud.site.identity_client import IdentityClient, _context
from policloud.site.remembered import KEY_SECRET, load_key


def everything(hub: HubLab) -> str:
    """All objects of the API server but Secrets, as text; managed fields included."""
    texts = []
    for group, version in [("", "v1"), *_groups(hub)]:
        base = f"/apis/{group}/{version}" if group else f"/api/{version}"
        for entry in hub.plane.api.request("GET", base)["resources"]:
            if "/" in entry["name"] or "list" not in entry["verbs"] or entry["kind"] == "Secret":
                continue
            texts.append(json.dumps(hub.plane.api.request("GET", f"{base}/{entry['name']}")))
    return "\n".join(texts)


def _groups(hub: HubLab) -> list[tuple[str, str]]:
    found = hub.plane.api.request("GET", "/apis")["groups"]
    return [(group["name"], group["preferredVersion"]["version"]) for group in found]


async def test_secrets_show_nowhere(hub: HubLab, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    file = await hub.invite("canary")
    line = await hub.line(file)
    await line.reaches(LinkReason.CONNECTED)
    second = await hub.line(file)
    await second.reaches(LinkReason.JOIN_REFUSED)
    unused = await hub.invite("canary-unused")
    client = IdentityClient(unused.hub, await load_key(hub.admin, line.namespace))
    token = (await client.token("canary")).value
    await hub.edit("canary", accepted=False)
    await line.reaches(LinkReason.REVOKED)
    await until(lambda: _not_ready(hub), "the membership says so")

    seed = (await hub.admin.get(SECRET, line.namespace, KEY_SECRET))["data"]["seed"]
    secrets = {
        "used code": file.code,
        "open code": unused.code,
        "seed": seed,
        "seed in hex": base64.b64decode(seed).hex(),
        "token": token,
        "signature of the token": token.rsplit(".", 1)[1],
    }
    told = f"{line.link.state} {second.link.state} {line.link!r} {file!r} {client!r}"
    for where, text in (("objects", everything(hub)), ("log", caplog.text), ("states", told)):
        assert len(text) > 100, where
        assert [name for name, secret in secrets.items() if secret in text] == [], where


@pytest.mark.parametrize(
    ("path", "content", "status"),
    [
        ("/v1/join", b"x" * 9000, 413),
        ("/v1/join", b'{"code": "canary-code"}', 400),
        ("/v1/nonce", b"\x00\xff", 400),
        ("/v1/token", b"client_assertion=canary-code", 400),
        ("/v1/elsewhere", b"canary-code", 404),
    ],
)
async def test_what_is_refused_is_not_repeated(hub: HubLab, path: str, content: bytes, status: int) -> None:
    answer, text = await post(hub, path, content)
    assert answer.status == status
    assert "canary-code" not in text
    assert "Traceback" not in text
    assert answer.headers["Cache-Control"] == "no-store"


async def test_a_flood_from_one_address_is_slowed_down(hub: HubLab) -> None:
    statuses = [(await post(hub, "/v1/join", JOIN))[0].status for _ in range(11)]
    assert statuses[:10] == [400] * 10
    assert statuses[10] == 429


JOIN = json.dumps({"membership": "flood", "code": "c", "publicKey": "k", "proof": "p"}).encode()


async def post(hub: HubLab, path: str, content: bytes) -> tuple[aiohttp.ClientResponse, str]:
    connector = aiohttp.TCPConnector(ssl=_context(hub.plane.ca_pem))
    headers: dict[str, Any] = {"Content-Type": "application/x-www-form-urlencoded" if "token" in path else "text/plain"}
    async with (
        aiohttp.ClientSession(connector=connector) as http,
        http.post(hub.url + path, data=content, headers=headers) as response,
    ):
        return response, await response.text()


async def _not_ready(hub: HubLab) -> bool:
    return (await hub.condition("canary", "Accepted"))[0] == "False"
