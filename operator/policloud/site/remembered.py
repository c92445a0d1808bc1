"""What a site keeps of its hub in its own API server: its key (a Secret) and where the hub is (a ConfigMap)."""

from __future__ import annotations

import base64
import binascii
import secrets
from dataclasses import dataclass
from typing import Final

from policloud.api.joinfile import HubInfo, hub_info_of
from policloud.api.names import MANAGED_BY, MANAGED_BY_LABEL, SITE_MANAGER
from policloud.api.resources import CONFIG_MAP, SECRET
from policloud.domain.federation.keys import KeyFormatError, SigningKey
from policloud.domain.federation.link import LinkReason
from policloud.ports import Cluster, ConflictError, NotFoundError
from policloud.site.fault import LinkFaultError

KEY_SECRET: Final = "policloud-site-key"  # noqa: S105 - the name of a Secret
LINK_RECORD: Final = "policloud-hub-link"
_SEED_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Target:
    """The hub that this site has joined, as what, and the fingerprint of the key that it trusted then."""

    hub: HubInfo
    membership: str
    key: str = ""  # not remembered by releases before 0.2


async def load_key(cluster: Cluster, namespace: str) -> SigningKey:
    """The site's key, drawn here the first time. It is in this one Secret and this process, nowhere else.

    A Secret that cannot be read is never overwritten: LinkFaultError. ApiErrors pass.
    """
    try:
        secret = await cluster.get(SECRET, namespace, KEY_SECRET)
    except NotFoundError:
        try:
            secret = await cluster.create(SECRET, _new_key(namespace))
        except ConflictError:
            secret = await cluster.get(SECRET, namespace, KEY_SECRET)
    try:
        return SigningKey(base64.b64decode((secret.get("data") or {}).get("seed", ""), validate=True))
    except (KeyFormatError, binascii.Error) as error:
        raise LinkFaultError(
            LinkReason.KEY_UNREADABLE,
            f"Secret {namespace}/{KEY_SECRET} holds no usable key; restore it from a backup, or delete it and have the "
            "platform team remove this site's publicKey and invite it again",
        ) from error


async def load_target(cluster: Cluster, namespace: str) -> Target | None:
    """The hub joined before; None if there is none. ApiErrors pass."""
    try:
        body = await cluster.get(CONFIG_MAP, namespace, LINK_RECORD)
    except NotFoundError:
        return None
    data = body.get("data") or {}
    hub, membership = hub_info_of(data), data.get("membership")
    return Target(hub, str(membership), str(data.get("key") or "")) if hub is not None and membership else None


async def save_target(cluster: Cluster, namespace: str, target: Target) -> None:
    """From now on the join file is not needed. ApiErrors pass."""
    body = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": LINK_RECORD, "namespace": namespace, "labels": {MANAGED_BY_LABEL: MANAGED_BY}},
        "data": {**target.hub.as_dict(), "membership": target.membership, "key": target.key},
    }
    await cluster.apply(CONFIG_MAP, body, manager=SITE_MANAGER)


def _new_key(namespace: str) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": {"name": KEY_SECRET, "namespace": namespace, "labels": {MANAGED_BY_LABEL: MANAGED_BY}},
        "data": {"seed": base64.b64encode(secrets.token_bytes(_SEED_BYTES)).decode()},
    }
