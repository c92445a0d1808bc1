"""The hub's identity endpoint as a site calls it: join, nonce, token, trusting the join file's CA and nothing else."""

from __future__ import annotations

import ssl
from typing import Any, Final

import aiohttp
import orjson

from policloud.adapters.assertions import sign_assertion, sign_join
from policloud.adapters.kube.connection import Token
from policloud.api.joinfile import HubInfo, JoinFile
from policloud.domain.federation.identity import ASSERTION_TYPE, NONCE_SECONDS, TOKEN_SECONDS, Expected
from policloud.domain.federation.keys import SigningKey
from policloud.domain.federation.link import LinkReason
from policloud.site.fault import LinkFaultError, unreachable_fault, untrusted, untrusted_fault

_TIMEOUT: Final = aiohttp.ClientTimeout(total=20.0, sock_connect=10.0)
_MAX_ANSWER: Final = 64 * 1024
_OK: Final = 200
_REFUSED: Final = frozenset({400, 401, 403, 409, 413})


class IdentityClient:
    """One call, one connection: it is used about once an hour. Raises LinkFaultError only."""

    def __init__(self, hub: HubInfo, key: SigningKey, *, proxy: str | None = None) -> None:
        self._hub = hub
        self._key = key
        self._proxy = proxy
        self._url = hub.identity.rstrip("/")

    async def join(self, file: JoinFile) -> None:
        """Have this site's key pinned with the file's code; again and again with the same key is fine."""
        proof = sign_join(self._key, hub_id=self._hub.id, url=self._url, membership=file.membership, code=file.code)
        body = {
            "membership": file.membership,
            "code": file.code,
            "publicKey": self._key.public,
            "proof": proof,
        }
        await self._post("/v1/join", LinkReason.JOIN_REFUSED, json=body)

    async def token(self, membership: str) -> Token:
        """A new token for the hub's API server; its life is counted from now, by no clock but the monotonic one."""
        refused = LinkReason.CREDENTIAL_REFUSED
        nonce = await self._post("/v1/nonce", refused, json={"membership": membership})
        text, ends = nonce.get("nonce"), nonce.get("ends")
        if not isinstance(text, str) or not isinstance(ends, int) or len(text) > NONCE_SECONDS * 10:
            raise LinkFaultError(LinkReason.HUB_FAILING, f"hub {self._hub.id} gave a nonce that is none")
        expected = Expected(membership, self._hub.id, f"{self._url}/v1/token", text, ends)
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": sign_assertion(self._key, expected),
        }
        answer = await self._post("/v1/token", refused, form=form)
        token, seconds = answer.get("access_token"), answer.get("expires_in")
        if not isinstance(token, str) or not isinstance(seconds, int) or not 0 < seconds <= TOKEN_SECONDS:
            raise LinkFaultError(LinkReason.HUB_FAILING, f"hub {self._hub.id} gave a token that is none")
        return Token(token, valid_for=float(seconds))

    async def _post(
        self,
        path: str,
        refused: LinkReason,
        *,
        json: dict[str, str] | None = None,
        form: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        try:
            connector = aiohttp.TCPConnector(ssl=_context(self._hub.ca))
            async with (
                aiohttp.ClientSession(connector=connector, proxy=self._proxy, timeout=_TIMEOUT) as http,
                http.post(self._url + path, json=json, data=form, allow_redirects=False) as response,
            ):
                raw = await response.content.read(_MAX_ANSWER)
                return self._read(response, raw, refused)
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            if untrusted(error):
                raise untrusted_fault(self._hub.id) from error
            detail = "no answer in time" if isinstance(error, TimeoutError) else str(error)
            raise unreachable_fault(self._hub.id, detail) from error

    def _read(self, response: aiohttp.ClientResponse, raw: bytes, refused: LinkReason) -> dict[str, Any]:
        try:
            answer = orjson.loads(raw)
        except orjson.JSONDecodeError:
            answer = None
        if not isinstance(answer, dict):
            raise LinkFaultError(
                LinkReason.HUB_FAILING, f"hub {self._hub.id} answers {response.status} with something that is not JSON"
            )
        if response.status == _OK:
            return answer
        raise self._refusal(response, answer, refused)

    def _refusal(self, response: aiohttp.ClientResponse, answer: dict[str, Any], refused: LinkReason) -> LinkFaultError:
        said = str(answer.get("error_description") or answer.get("error") or "no reason given")[:500]
        if answer.get("error") == "access_denied":
            return LinkFaultError(
                LinkReason.REVOKED,
                f"hub {self._hub.id} no longer trusts this site ({said}); what runs goes on, ask the platform team",
            )
        if response.status in _REFUSED:
            return LinkFaultError(refused, f"hub {self._hub.id}: {said}")
        return LinkFaultError(
            LinkReason.HUB_FAILING,
            f"hub {self._hub.id} answers {response.status}: {said}",
            retry_after=_seconds(response.headers.get("Retry-After")),
        )


def _context(ca_pem: str) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=ca_pem)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context


def _seconds(text: str | None) -> float | None:
    return min(60.0, float(text)) if text and text.isdigit() else None
