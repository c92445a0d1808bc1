"""Ed25519 keys and signatures as text: `ed25519:` and standard Base64, one spelling for each value.

Pure: seeds come from outside (a site draws its own from the system's random source), signing is deterministic
(RFC 8032). What is signed always begins with a prefix of its own, so that no signature means two things.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SCHEME: Final = "ed25519:"
PUBLIC_KEY_PATTERN: Final = r"^ed25519:[A-Za-z0-9+/]{43}=$"
SIGNATURE_PATTERN: Final = r"^ed25519:[A-Za-z0-9+/]{86}==$"

JOIN_PREFIX: Final = b"policloud.io/join/v1\n"
ANSWER_PREFIX: Final = b"policloud.io/answer/v1\n"

_KEY_BYTES: Final = 32
_SIGNATURE_BYTES: Final = 64


class KeyFormatError(ValueError):
    """Not a key or signature in our spelling. The message never repeats the value."""


class SigningKey:
    """A site's private key. It has no text form on purpose: it cannot be logged or serialised by accident."""

    __slots__ = ("_key", "public")

    def __init__(self, seed: bytes) -> None:
        """`seed`: 32 random bytes; KeyFormatError for another length."""
        if len(seed) != _KEY_BYTES:
            raise KeyFormatError(f"an Ed25519 seed has {_KEY_BYTES} bytes, this one has {len(seed)}")
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public: Final = SCHEME + base64.b64encode(self._key.public_key().public_bytes_raw()).decode()

    def __repr__(self) -> str:
        return f"SigningKey({fingerprint(self.public)})"

    @property
    def private_key(self) -> Ed25519PrivateKey:
        """For JWT libraries; keep it inside the process."""
        return self._key

    def sign(self, prefix: bytes, message: bytes) -> str:
        """The signature over prefix and message, as `ed25519:…`."""
        return SCHEME + base64.b64encode(self._key.sign(prefix + message)).decode()


def verify(public_key: str, prefix: bytes, message: bytes, signature: str) -> bool:
    """Whether `signature` is that key's over prefix and message; False for anything malformed."""
    try:
        key = public_key_of(public_key)
        key.verify(_decode(signature, _SIGNATURE_BYTES, "signature"), prefix + message)
    except (KeyFormatError, InvalidSignature):
        return False
    return True


def public_key_of(text: str) -> Ed25519PublicKey:
    """The key written as `ed25519:<Base64>`; KeyFormatError if it is spelled in any other way."""
    return Ed25519PublicKey.from_public_bytes(_decode(text, _KEY_BYTES, "public key"))


def fingerprint(public_key: str) -> str:
    """What people compare by eye: 16 hex digits of the SHA-256 of the text."""
    return hashlib.sha256(public_key.encode()).hexdigest()[:16]


def _decode(text: object, size: int, what: str) -> bytes:
    if not isinstance(text, str) or not text.startswith(SCHEME):
        raise KeyFormatError(f"a {what} is written as {SCHEME}<Base64>")
    encoded = text[len(SCHEME) :]
    try:
        raw = base64.b64decode(encoded.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise KeyFormatError(f"a {what} is written as {SCHEME}<Base64>; this is not Base64") from error
    if len(raw) != size or base64.b64encode(raw).decode() != encoded:
        raise KeyFormatError(f"a {what} has {size} bytes in canonical Base64, this one has {len(raw)}")
    return raw
