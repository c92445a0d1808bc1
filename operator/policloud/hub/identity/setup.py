"""The identity endpoint as one background task of the hub: finds or makes the shared nonce key, then serves."""

from __future__ import annotations

import asyncio
import base64
import logging
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from policloud.api.names import MANAGED_BY, MANAGED_BY_LABEL
from policloud.api.resources import SECRET
from policloud.hub.identity.join import Joining
from policloud.hub.identity.nonce import KEY_BYTES, Nonces
from policloud.hub.identity.server import IdentityServer
from policloud.hub.identity.tokens import Tokens
from policloud.ports import ApiError, Clock, Cluster, ConflictError, NotFoundError

log = logging.getLogger(__name__)

NONCE_SECRET: Final = "policloud-hub-nonce"  # noqa: S105 - the name of a Secret
_RETRY_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class IdentitySettings:
    """`url`: as sites reach it, without a path; it is what they sign. `namespace`: the hub's own."""

    hub_id: str
    url: str
    listen: str
    certificate: Path
    key: Path
    namespace: str

    @property
    def token_url(self) -> str:
        return f"{self.url.rstrip('/')}/v1/token"


class Identity:
    """Runs on every replica, leader or not: joining and tokens are safe from any of them."""

    def __init__(self, cluster: Cluster, clock: Clock, settings: IdentitySettings) -> None:
        self._cluster = cluster
        self._clock = clock
        self._settings = settings
        self.port = 0
        self.ready = asyncio.Event()

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set; waits for the hub's API server first."""
        key = await self._key_when_possible(stop)
        if key is None:
            return
        settings = self._settings
        nonces = Nonces(key, settings.hub_id, self._clock)
        joining = Joining(self._cluster, self._clock, hub_id=settings.hub_id, url=settings.url.rstrip("/"))
        tokens = Tokens(self._cluster, self._clock, nonces, hub_id=settings.hub_id, token_url=settings.token_url)
        server = IdentityServer(
            joining, tokens, self._clock, listen=settings.listen, certificate=settings.certificate, key=settings.key
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(server.run(stop))
            await server.ready.wait()
            self.port = server.port
            self.ready.set()

    async def _key_when_possible(self, stop: asyncio.Event) -> bytes | None:
        while not stop.is_set():
            try:
                return await nonce_key(self._cluster, self._settings.namespace)
            except ApiError as error:
                log.warning("identity endpoint waits for the API server: %s", error.message)
                await self._clock.sleep(_RETRY_SECONDS)
        return None


async def nonce_key(cluster: Cluster, namespace: str) -> bytes:
    """The key that all replicas share, made by the first that needs it. ApiErrors pass."""
    try:
        secret = await cluster.get(SECRET, namespace, NONCE_SECRET)
    except NotFoundError:
        try:
            secret = await cluster.create(SECRET, _new_secret(namespace))
        except ConflictError:  # the other replica was faster
            secret = await cluster.get(SECRET, namespace, NONCE_SECRET)
    key = base64.b64decode((secret.get("data") or {}).get("key", ""))
    if len(key) < KEY_BYTES:
        raise ApiError(f"Secret {namespace}/{NONCE_SECRET} holds no usable key; delete it and a new one is made")
    return key


def _new_secret(namespace: str) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": {"name": NONCE_SECRET, "namespace": namespace, "labels": {MANAGED_BY_LABEL: MANAGED_BY}},
        "data": {"key": base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()},
    }
