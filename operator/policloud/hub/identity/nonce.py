"""Nonces that every replica of the hub can judge: no state but one shared key.

A nonce is an end, 16 random bytes and an HMAC over both, the hub's ID and the membership that asked. Single use is
kept per process for the nonce's short life: presented to another replica within 60 s it counts once more. That
yields nothing new: the assertion that carries it was signed by the pinned key for this very membership, and whoever
can repeat it already holds the token that it bought.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from policloud.domain.federation.identity import NONCE_SECONDS
from policloud.ports import Clock

KEY_BYTES: Final = 32
_END: Final = 8
_RANDOM: Final = 16
_MAC: Final = 32
_MAX_USED: Final = 100_000  # 1,000 sites ask about once an hour; more than this within 60 s is no site's doing


@dataclass(frozen=True, slots=True)
class Nonce:
    """`ends`: seconds since the epoch, by the hub's clock."""

    text: str
    ends: int


class Nonces:
    """Gives nonces out and takes each back once."""

    def __init__(self, key: bytes, hub_id: str, clock: Clock) -> None:
        if len(key) < KEY_BYTES:
            raise ValueError(f"the nonce key has {len(key)} bytes; {KEY_BYTES} are needed")
        self._key = key
        self._hub_id = hub_id
        self._clock = clock
        self._used: OrderedDict[bytes, int] = OrderedDict()

    def give(self, membership: str) -> Nonce:
        ends = int(self._clock.now().timestamp()) + NONCE_SECONDS
        body = ends.to_bytes(_END, "big") + secrets.token_bytes(_RANDOM)
        return Nonce(_encode(body + self._mac(body, membership)), ends)

    def read(self, text: str, membership: str) -> Nonce | None:
        """The nonce, if this hub gave it to that membership and it has not ended; None for anything else."""
        raw = _decode(text)
        if raw is None:
            return None
        body, mac = raw[: _END + _RANDOM], raw[_END + _RANDOM :]
        if not hmac.compare_digest(mac, self._mac(body, membership)):
            return None
        ends = int.from_bytes(body[:_END], "big")
        return None if self._clock.now().timestamp() >= ends else Nonce(text, ends)

    def use(self, nonce: Nonce) -> bool:
        """Take it out of circulation; False if it was used before."""
        now = self._clock.now().timestamp()
        while self._used and next(iter(self._used.values())) <= now:
            self._used.popitem(last=False)
        mark = hashlib.sha256(nonce.text.encode()).digest()
        if mark in self._used or len(self._used) >= _MAX_USED:
            return False
        self._used[mark] = nonce.ends
        return True

    def _mac(self, body: bytes, membership: str) -> bytes:
        parts = (b"policloud.io/nonce/v1", self._hub_id.encode(), membership.encode(), body)
        message = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        return hmac.digest(self._key, message, "sha256")


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _decode(text: str) -> bytes | None:
    if len(text) > 2 * (_END + _RANDOM + _MAC):
        return None
    try:
        raw = base64.b64decode(text.encode("ascii") + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError):
        return None
    return raw if len(raw) == _END + _RANDOM + _MAC and _encode(raw) == text else None
