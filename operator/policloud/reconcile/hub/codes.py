"""One-time codes: made for a human to carry, kept as a hash, good for one key and one day at most.

The Secret `policloud-join-code` lies in the site's namespace on the hub. Its life: made by the invitation (hash,
expires) → claimed by the first key that shows the code (claimedKey, under the resourceVersion that was read) → the
key is pinned in the membership → deleted. A crash in between loses nothing: the same key may come again and is taken
to the next step; another key finds the code claimed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from policloud.api.names import MANAGED_BY, MANAGED_BY_LABEL, SITE_NAMESPACE_PREFIX
from policloud.domain.federation.identity import CODE_BYTES
from policloud.ports import Body

CODE_SECRET: Final = "policloud-join-code"  # noqa: S105 - the name of a Secret
_HASH_PREFIX: Final = b"policloud.io/code/v1\n"


@dataclass(frozen=True, slots=True)
class StoredCode:
    """What the hub keeps of a code; never the code."""

    hash: str
    expires: datetime
    claimed_key: str = ""

    def matches(self, code: str) -> bool:
        """In constant time."""
        return hmac.compare_digest(self.hash.encode(), hash_of(code).encode())


def new_code() -> str:
    """160 random bits, in 32 letters and digits that survive being read aloud."""
    return base64.b32encode(secrets.token_bytes(CODE_BYTES)).decode().lower()


def hash_of(code: str) -> str:
    """SHA-256 is enough: the code is random and too long to be guessed, so there is nothing to slow down."""
    return hashlib.sha256(_HASH_PREFIX + code.encode("utf-8", "surrogatepass")).hexdigest()


def code_secret(site: str, code: str, expires: datetime) -> Body:
    """The Secret that an invitation writes."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": {
            "name": CODE_SECRET,
            "namespace": SITE_NAMESPACE_PREFIX + site,
            "labels": {MANAGED_BY_LABEL: MANAGED_BY},
        },
        "data": {"hash": _encode(hash_of(code)), "expires": _encode(expires.isoformat())},
    }


def read_secret(secret: Body) -> StoredCode | None:
    """None if it is not one of ours: nobody can join with it, an invitation replaces it."""
    data = secret.get("data") or {}
    try:
        expires = datetime.fromisoformat(_decode(data["expires"]))
        stored = StoredCode(_decode(data["hash"]), expires, _decode(data.get("claimedKey", "")))
    except (KeyError, ValueError, binascii.Error):
        return None
    return stored if expires.tzinfo is not None and len(stored.hash) == hashlib.sha256().digest_size * 2 else None


def claimed(secret: Body, public_key: str) -> Body:
    """The Secret with the key that claims it; to be replaced under the resourceVersion it carries."""
    return {**secret, "data": {**secret["data"], "claimedKey": _encode(public_key)}}


def _encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _decode(text: str) -> str:
    return base64.b64decode(text, validate=True).decode()
