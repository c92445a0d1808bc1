"""The signed texts with which a site joins and asks for tokens: JWT client assertions and proofs of possession."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import jwt
import rfc8785
from jwt.types import Options

from policloud.domain.federation.identity import Expected, claims_for
from policloud.domain.federation.keys import JOIN_PREFIX, KeyFormatError, SigningKey, public_key_of, verify

MAX_ASSERTION: Final = 4096  # characters
_ALGORITHM: Final = "EdDSA"
_HEADER: Final = {"alg": _ALGORITHM, "typ": "JWT"}
# Every check is ours (domain/federation/identity.py): the library's clock is not the one that counts.
_NO_CHECKS: Final[Options] = {
    "verify_signature": True,
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}


@dataclass(frozen=True, slots=True)
class Claimed:
    """Who the assertion says it is from, before anything was verified: enough to look the key up."""

    membership: str
    nonce: str


def sign_assertion(key: SigningKey, expected: Expected) -> str:
    return jwt.encode(claims_for(expected), key.private_key, algorithm=_ALGORITHM)


def read_claimed(assertion: str) -> Claimed | None:
    """None unless it is a JWT of our one header form with a text for `sub` and `jti`."""
    if len(assertion) > MAX_ASSERTION or not assertion.isascii():
        return None
    try:
        if jwt.get_unverified_header(assertion) != _HEADER:
            return None
        claims = jwt.decode(assertion, options={"verify_signature": False})
    except (jwt.InvalidTokenError, ValueError, RecursionError):
        return None
    subject, nonce = claims.get("sub"), claims.get("jti")
    if not isinstance(subject, str) or not isinstance(nonce, str):
        return None
    return Claimed(subject, nonce)


def verified_claims(assertion: str, public_key: str) -> dict[str, Any] | None:
    """The claims if that key signed them; they are not checked here."""
    try:
        key = public_key_of(public_key)
        claims = jwt.decode(assertion, key, algorithms=[_ALGORITHM], options=_NO_CHECKS)
    except (jwt.InvalidTokenError, KeyFormatError, ValueError, RecursionError):
        return None
    return dict(claims)


def sign_join(key: SigningKey, *, hub_id: str, url: str, membership: str, code: str) -> str:
    """Proof that the sender holds the key it wants pinned, good for this hub, membership and code alone."""
    return key.sign(JOIN_PREFIX, _join_message(key.public, hub_id, url, membership, code))


def verify_join(public_key: str, proof: str, *, hub_id: str, url: str, membership: str, code: str) -> bool:
    return verify(public_key, JOIN_PREFIX, _join_message(public_key, hub_id, url, membership, code), proof)


def _join_message(public_key: str, hub_id: str, url: str, membership: str, code: str) -> bytes:
    return rfc8785.dumps({"code": code, "hub": hub_id, "key": public_key, "membership": membership, "url": url})
