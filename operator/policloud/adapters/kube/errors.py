"""From what an API server (or the network) said to one of the ApiError family. No credential ever gets in."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson

from policloud.ports import (
    ApiError,
    ConflictError,
    NotFoundError,
    RejectedError,
    TransientError,
    UnauthenticatedError,
)

_MAX_MESSAGE = 2000
_TRANSIENT = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
GONE = HTTPStatus.GONE.value


def from_response(what: str, status: int, raw: bytes, headers: Mapping[str, str]) -> ApiError:
    """`what` is verb and resource, as in "get pods a/b"; `raw` the body, a metav1.Status in most cases."""
    answer = _status(raw)
    details = answer.get("details") or {}
    said = str(answer.get("message") or raw[:200].decode(errors="replace").strip() or f"HTTP {status}")
    message = f"{what}: {said}"[:_MAX_MESSAGE]
    if status == HTTPStatus.UNAUTHORIZED:
        return UnauthenticatedError(message, status=status)
    if status == HTTPStatus.NOT_FOUND:
        return NotFoundError(message, missing_kind=not details.get("name"))
    if status == HTTPStatus.CONFLICT:
        return ConflictError(message, already_exists=answer.get("reason") == "AlreadyExists")
    if status in _TRANSIENT or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return TransientError(message, status=status, retry_after=_retry_after(headers, details))
    return RejectedError(message, status=status)


def from_network(what: str, error: BaseException) -> TransientError:
    """Refused, reset, timed out, a certificate not trusted: nothing was said; the write may have happened."""
    if isinstance(error, TimeoutError):
        return TransientError(f"{what}: no answer in time")
    return TransientError(f"{what}: {error!s}"[:_MAX_MESSAGE] or f"{what}: {type(error).__name__}")


def from_watch(what: str, answer: Mapping[str, Any]) -> ApiError:
    """An ERROR event of a watch: RejectedError with status 410 if the resourceVersion has expired."""
    message = f"{what}: {answer.get('message', 'the watch failed')}"[:_MAX_MESSAGE]
    if answer.get("code") == GONE:
        return RejectedError(message, status=GONE)
    return TransientError(message, status=answer.get("code"))


def _status(raw: bytes) -> dict[str, Any]:
    try:
        answer = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return {}
    return answer if isinstance(answer, dict) and answer.get("kind") == "Status" else {}


def _retry_after(headers: Mapping[str, str], details: Mapping[str, Any]) -> float | None:
    for value in (headers.get("Retry-After"), details.get("retryAfterSeconds")):
        try:
            if value:
                return min(3600.0, max(0.0, float(value)))
        except (TypeError, ValueError):
            continue
    return None
