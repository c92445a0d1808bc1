"""The three questions of the identity endpoint as values, read strictly from untrusted bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import orjson

from policloud.domain.federation.identity import valid_name

MAX_BODY: Final = 8 * 1024
_MAX_TEXT: Final = 512


class RefusalError(Exception):
    """An answer that is no yes. `error` is for machines, `message` for people; neither holds a credential.

    `status`: HTTP. `retry_after`: seconds, if asking again makes sense.
    """

    def __init__(self, status: int, error: str, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(f"{error}: {message}")
        self.status = status
        self.error = error
        self.message = message
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True, repr=False)
class JoinRequest:
    membership: str
    code: str
    public_key: str
    proof: str


def bad_request(message: str) -> RefusalError:
    return RefusalError(400, "invalid_request", message)


def read_join(raw: bytes) -> JoinRequest:
    """`{"membership", "code", "publicKey", "proof"}`, nothing else; RefusalError 400 otherwise."""
    fields = _texts(raw, ("membership", "code", "publicKey", "proof"))
    return JoinRequest(_name(fields["membership"]), fields["code"], fields["publicKey"], fields["proof"])


def read_nonce_request(raw: bytes) -> str:
    """`{"membership"}`: the name that asks for a nonce."""
    return _name(_texts(raw, ("membership",))["membership"])


def _texts(raw: bytes, names: tuple[str, ...]) -> dict[str, str]:
    try:
        given: Any = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise bad_request("the body is not JSON") from None
    if not isinstance(given, dict) or set(given) != set(names):
        raise bad_request(f"the body must be a JSON object with exactly {', '.join(names)}")
    for name in names:
        value = given[name]
        if not isinstance(value, str) or not value or len(value) > _MAX_TEXT:
            raise bad_request(f"{name} must be a text of 1 to {_MAX_TEXT} characters")
    return given


def _name(value: str) -> str:
    if not valid_name(value):
        raise bad_request("membership must be a DNS label: lower-case letters, digits and dashes, at most 58")
    return value
