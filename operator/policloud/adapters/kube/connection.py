"""Where an API server is and who we are to it: one value that both our client and Kopf log in with."""

from __future__ import annotations

import asyncio
import math
import os
import ssl
import tempfile
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

_SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_REREAD_SECONDS = 60.0
_RENEW_AT = 0.8  # share of a token's life after which a new one is fetched


class ConnectionConfigError(Exception):
    """The configuration names no usable API server; the message says what to do."""


@dataclass(frozen=True, slots=True, repr=False)
class Token:
    """A bearer token, good for `valid_for` seconds from when it was handed over (None: until refused)."""

    value: str
    valid_for: float | None = None

    @property
    def renew_after(self) -> float:
        """Seconds after which another is fetched, before this one ends."""
        return math.inf if self.valid_for is None else self.valid_for * _RENEW_AT

    def later(self, seconds: float) -> Token:
        """As it is to be handed over so long after."""
        return self if self.valid_for is None else replace(self, valid_for=max(0.0, self.valid_for - seconds))


TokenProvider = Callable[[], Awaitable[Token]]


@dataclass(frozen=True, slots=True, repr=False)
class ClientCertificate:
    """PEM texts of a client certificate and its private key."""

    certificate: str
    key: str


class Connection:
    """An API server's URL, its CA, and a credential: client certificate or tokens, fetched anew before they expire.

    TLS is always verified; without `ca_pem` against the system's authorities. `proxy`: URL of an HTTP proxy to go
    through (CONNECT: it sees the server's name and nothing else).
    """

    def __init__(
        self,
        server: str,
        ca_pem: str | None = None,
        token_provider: TokenProvider | None = None,
        *,
        client_certificate: ClientCertificate | None = None,
        namespace: str | None = None,
        proxy: str | None = None,
    ) -> None:
        if not server.startswith("https://"):
            raise ConnectionConfigError(f"the API server's URL is {server!r}; it must start with https://")
        self.server = server.rstrip("/")
        self.ca_pem = ca_pem
        self.client_certificate = client_certificate
        self.namespace = namespace
        self.proxy = proxy
        self._provider = token_provider
        self._token: Token | None = None
        self._got_at = 0.0
        self._lock = asyncio.Lock()

    def __repr__(self) -> str:
        return f"Connection({self.server!r})"

    @classmethod
    def from_kubeconfig(cls, path: Path | str, context: str | None = None) -> Connection:
        """The cluster and user of a context (the current one by default); ConnectionConfigError if unusable."""
        from policloud.adapters.kube import kubeconfig  # noqa: PLC0415 - the two need each other

        return kubeconfig.load(Path(path), context)

    @classmethod
    def in_cluster(
        cls, directory: Path = _SERVICE_ACCOUNT, *, environment: Mapping[str, str] = os.environ
    ) -> Connection:
        """The pod's own service account; its token is read again every minute, as the kubelet renews it.

        The API server by the address that the kubelet tells every container, so that no DNS has to answer.
        """
        token_file = directory / "token"
        if not token_file.is_file():
            raise ConnectionConfigError(
                f"not running in a pod with a service account ({token_file} is missing); give --kubeconfig FILE"
            )
        return cls(
            f"https://{_api_server(environment)}",
            (directory / "ca.crt").read_text(),
            token_from_file(token_file),
            namespace=(directory / "namespace").read_text().strip(),
        )

    async def token(self) -> Token | None:
        """A token that is good now, or None if the credential is a certificate. The provider's errors pass."""
        if self._provider is None:
            return None
        async with self._lock:
            if self._token is None or time.monotonic() >= self._got_at + self._token.renew_after:
                self._token = await self._provider()
                self._got_at = time.monotonic()
            return self._token.later(time.monotonic() - self._got_at)

    def invalidate(self) -> None:
        """The server refused the token: fetch another at the next use."""
        self._token = None

    def ssl_context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cadata=self.ca_pem)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.client_certificate is not None:
            # The ssl module takes key pairs from files only; these are readable by us alone and gone at once.
            with tempfile.NamedTemporaryFile("w", suffix=".pem") as pair:
                pair.write(self.client_certificate.certificate + "\n" + self.client_certificate.key)
                pair.flush()
                context.load_cert_chain(pair.name)
        return context


def _api_server(environment: Mapping[str, str]) -> str:
    """HOST:PORT; the name of the Service where nothing else is told."""
    host = environment.get("KUBERNETES_SERVICE_HOST") or "kubernetes.default.svc"
    port = environment.get("KUBERNETES_SERVICE_PORT_HTTPS") or environment.get("KUBERNETES_SERVICE_PORT") or "443"
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def token_from_file(path: Path) -> TokenProvider:
    async def read() -> Token:
        return Token((await asyncio.to_thread(path.read_text)).strip(), _REREAD_SECONDS)

    return read


def fixed_token(value: str) -> TokenProvider:
    async def give() -> Token:
        return Token(value)

    return give
