"""A small synchronous client of one API server, for starting, preparing and checking it. Standard library only."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from policloud.testing.controlplane.certificates import Pair
from policloud.testing.controlplane.errors import ControlPlaneError

APPLY = "application/apply-patch+yaml"


class RestClient:
    """Requests with a client certificate; one kept connection per thread."""

    def __init__(self, url: str, ca: Path, client: Pair, *, timeout: float = 30.0) -> None:
        self._address = urlsplit(url)
        self._context = ssl.create_default_context(cafile=str(ca))
        self._context.load_cert_chain(client.certificate, client.key)
        self._timeout = timeout
        self._local = threading.local()

    def request(self, method: str, path: str, body: Any = None, *, content_type: str = "application/json") -> Any:
        """The decoded answer. Raises OSError or http.client.HTTPException if there is none, else ControlPlaneError."""
        status, text = self.raw(method, path, body, content_type=content_type)
        if status >= 400:  # noqa: PLR2004 - HTTP
            raise ControlPlaneError(f"{method} {path}: {status} {_message(text)[:2000]}")
        return json.loads(text) if text.startswith("{") else text

    def raw(
        self, method: str, path: str, body: Any = None, *, content_type: str = "application/json"
    ) -> tuple[int, str]:
        """Status and text of the answer, whatever it says."""
        reused = getattr(self._local, "connection", None) is not None
        try:
            return self._exchange(method, path, body, content_type)
        except (ConnectionResetError, BrokenPipeError, ssl.SSLEOFError):
            # The server closed the kept connection meanwhile, or was started again. All but POST may be repeated.
            if not reused or method == "POST":
                raise
            return self._exchange(method, path, body, content_type)

    def _exchange(self, method: str, path: str, body: Any, content_type: str) -> tuple[int, str]:
        connection: http.client.HTTPSConnection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = http.client.HTTPSConnection(
                self._address.hostname or "", self._address.port, timeout=self._timeout, context=self._context
            )
            self._local.connection = connection
        data = None if body is None else json.dumps(body).encode()
        headers = {"Accept": "application/json"} | ({"Content-Type": content_type} if data is not None else {})
        try:
            connection.request(method, path, data, headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except (OSError, http.client.HTTPException):
            connection.close()
            self._local.connection = None
            raise

    def apply(self, manifest: Mapping[str, Any], *, manager: str = "policloud-local") -> Any:
        """Server-side apply of one object of any kind; unknown fields are refused."""
        path = f"{path_of(manifest)}?fieldManager={manager}&force=true&fieldValidation=Strict"
        return self.request("PATCH", path, manifest, content_type=APPLY)

    def close(self) -> None:
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            self._local.connection = None


def path_of(manifest: Mapping[str, Any]) -> str:
    """The URL path of an object, its plural guessed from its kind in the way Kubernetes names its kinds."""
    api_version, kind, metadata = manifest["apiVersion"], manifest["kind"], manifest["metadata"]
    root = f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"
    namespace = metadata.get("namespace")
    scope = f"/namespaces/{quote(namespace)}" if namespace else ""
    return f"{root}{scope}/{_plural(kind)}/{quote(metadata['name'])}"


def _plural(kind: str) -> str:
    word = kind.lower()
    if word.endswith(("s", "x")):
        return word + "es"
    if word.endswith("y") and not word.endswith(("ay", "ey", "oy")):
        return word[:-1] + "ies"
    return word + "s"


def _message(text: str) -> str:
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return text[:500]
