"""Who is asking: the pure checks of a site's client assertion (RFC 7523), all of them by the hub's clock.

A site signs, with its pinned key, a JWT of exactly these claims:

    iss = sub = membership name      aud = [hub ID, token URL]      jti = nonce      exp = the nonce's own end

The nonce and its end come from the hub, so the site's clock plays no part. Comparisons are exact: no prefix, no
case folding, no Unicode normalisation, no claim more and none less.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

NONCE_SECONDS: Final = 60
TOKEN_SECONDS: Final = 3600
CODE_BYTES: Final = 20  # 160 bits
CODE_MAX_SECONDS: Final = 24 * 3600
NAME_MAX: Final = 58  # `site-` and the name make a namespace of at most 63

CLAIMS: Final = frozenset({"iss", "sub", "aud", "jti", "exp"})
ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

_NAME: Final = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Expected:
    """What the assertion has to say. `nonce_ends` is in seconds since the epoch, by the hub's clock."""

    membership: str
    hub_id: str
    token_url: str
    nonce: str
    nonce_ends: int


def valid_name(name: object) -> bool:
    """Whether this can be the name of a membership: an ASCII DNS label that leaves room for `site-`."""
    return isinstance(name, str) and len(name) <= NAME_MAX and _NAME.fullmatch(name) is not None


def claims_for(expected: Expected) -> dict[str, object]:
    """The claims a site signs to pass `check_claims` with the same expectation."""
    return {
        "iss": expected.membership,
        "sub": expected.membership,
        "aud": [expected.hub_id, expected.token_url],
        "jti": expected.nonce,
        "exp": expected.nonce_ends,
    }


def check_claims(claims: Mapping[str, object], expected: Expected, *, now: float) -> str | None:
    """What is wrong with these claims, or None. `now`: the hub's clock, seconds since the epoch.

    The text is for the hub's log and for a caller whose signature was good; it repeats no claim.
    """
    if set(claims) != CLAIMS:
        return "claims are not exactly iss, sub, aud, jti, exp"
    if not valid_name(expected.membership):
        return "the membership name is not a DNS label"
    wanted = claims_for(expected)
    for claim in ("iss", "sub", "jti"):
        value = claims[claim]
        if type(value) is not str or value != wanted[claim]:
            return f"{claim} is not the one expected"
    if type(claims["aud"]) is not list or claims["aud"] != wanted["aud"]:
        return "aud is not exactly this hub's ID and token URL"
    return _check_end(claims["exp"], expected.nonce_ends, now)


def _check_end(value: object, nonce_ends: int, now: float) -> str | None:
    if type(value) is not int or value != nonce_ends:
        return "exp is not the end of the nonce"
    if now >= nonce_ends:
        return "the nonce has expired"
    if nonce_ends - now > NONCE_SECONDS:
        return "the nonce ends later than any that this hub gives out"
    return None
