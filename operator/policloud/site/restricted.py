"""Federated work is written under an identity of its own: what the site's owner forbids, it cannot do.

A token of ServiceAccount `policloud-federated`, bound by role bindings to the namespaces made for federated work and
to nothing else, asked for by TokenRequest for an hour at most and renewed before it ends.
"""

from __future__ import annotations

from policloud.adapters.kube.connection import Connection, Token
from policloud.ports import Cluster

SERVICE_ACCOUNT = "policloud-federated"
TOKEN_SECONDS = 3600


def restricted_connection(main: Connection, cluster: Cluster, namespace: str) -> Connection:
    """The same API server as `main`, under the restricted identity. `namespace` holds the ServiceAccount."""

    async def provide() -> Token:
        body = await cluster.create_token(namespace, SERVICE_ACCOUNT, seconds=TOKEN_SECONDS, audiences=())
        granted = (body.get("spec") or {}).get("expirationSeconds") or TOKEN_SECONDS  # a cluster may give less
        return Token(body["status"]["token"], valid_for=float(min(TOKEN_SECONDS, granted)))

    return Connection(main.server, main.ca_pem, provide)
