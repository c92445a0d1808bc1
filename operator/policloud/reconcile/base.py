"""What every reconciler shares: API errors become outcomes, and writes that would change nothing are not sent."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from functools import wraps
from typing import Any

from policloud.ports import ApiError, Body, ConflictError, NotFoundError, RejectedError, TransientError
from policloud.runtime.outcome import Outcome, Retry
from policloud.runtime.store import Key

Reconcile = Callable[[Key], Awaitable[Outcome]]

REJECTED_SECONDS = 60.0  # the same write will be refused again: look rarely, until something changes
MISSING_KIND_SECONDS = 60.0

_LIST_KEYS = ("type", "name", "key", "containerPort", "port", "mountPath", "uid", "site", "index")
_QUANTITIES = frozenset({"limits", "requests", "capacity", "allocatable", "hard"})
_SUFFIXES = {
    "": Decimal(1),
    "m": Decimal("0.001"),
    **{s: Decimal(1000) ** n for n, s in enumerate("kMGTPE", 1)},
    **{f"{s}i": Decimal(1024) ** n for n, s in enumerate("KMGTPE", 1)},
}


def guarded(reconcile: Reconcile) -> Reconcile:
    """`reconcile` with its ApiErrors as retries: soon after a conflict, when told if told, rarely if refused."""

    @wraps(reconcile)
    async def call(key: Key) -> Outcome:
        try:
            return await reconcile(key)
        except ApiError as e:
            return outcome_of(e)

    return call


def outcome_of(error: ApiError) -> Outcome:
    """The retry that an API error asks for; the queue's own backoff applies where it is longer."""
    match error:
        case TransientError(retry_after=after):
            return Retry(error.message, after)
        case RejectedError():
            return Retry(error.message, REJECTED_SECONDS)
        case NotFoundError(missing_kind=True):
            return Retry(error.message, MISSING_KIND_SECONDS)
        case ConflictError() | _:
            return Retry(error.message)


def needs_write(current: Body | None, wanted: Body, *, manager: str | None = None, subresource: str = "") -> bool:
    """Whether applying `wanted` would change `current`.

    Fields that `wanted` does not name are others' business. With `manager`, fields which that manager applied
    before (by managedFields) and no longer wants count as a change; without, such a removal is not seen.
    """
    if current is None or not _covers(current, wanted):
        return True
    if manager is None:
        return False
    for entry in current["metadata"].get("managedFields") or ():
        mine = entry.get("manager") == manager and entry.get("operation") == "Apply"
        if mine and entry.get("subresource", "") == subresource:
            return _owns_more(entry.get("fieldsV1") or {}, wanted)
    return True  # never applied: the values are right, but they are not ours yet


def _covers(current: Any, wanted: Any, *, quantity: bool = False) -> bool:
    if isinstance(wanted, Mapping):
        if not isinstance(current, Mapping):
            return not wanted and current is None
        return all(
            _covers(current.get(k), v, quantity=quantity or k in _QUANTITIES)
            for k, v in wanted.items()
            if v is not None
        )
    if isinstance(wanted, list | tuple):
        return _covers_list(current or (), wanted)
    if wanted == "" and current is None:
        return True
    return bool(current == wanted) or (quantity and _quantity(current) == _quantity(wanted) is not None)


def _covers_list(current: Sequence[Any], wanted: Sequence[Any]) -> bool:
    key = _list_key(wanted)
    if key is None:
        return len(current) == len(wanted) and all(_covers(c, w) for c, w in zip(current, wanted, strict=True))
    by_key = {c[key]: c for c in current if isinstance(c, Mapping) and key in c}
    return all(w[key] in by_key and _covers(by_key[w[key]], w) for w in wanted)


def _list_key(items: Sequence[Any]) -> str | None:
    """The field that tells a list's items apart, if it is such a list."""
    for key in _LIST_KEYS:
        values = [i.get(key) for i in items if isinstance(i, Mapping)]
        if values and len(values) == len(items) and None not in values and len(set(map(str, values))) == len(values):
            return key
    return None


def _quantity(value: Any) -> Decimal | None:
    text = str(value)
    digits = text.rstrip("kKMGTPEim")
    try:
        return Decimal(digits) * _SUFFIXES[text[len(digits) :]]
    except (InvalidOperation, KeyError):
        return None


def _owns_more(fields: Mapping[str, Any], wanted: Any) -> bool:
    for name, below in fields.items():
        kind, _, rest = name.partition(":")
        if kind == "f":
            if not isinstance(wanted, Mapping) or wanted.get(rest) is None:
                return True
            if _owns_more(below, wanted[rest]):
                return True
        elif kind == "k":
            item = _item(json.loads(rest), wanted)
            if item is None or _owns_more(below, item):
                return True
        elif kind == "v" and json.loads(rest) not in (wanted or ()):
            return True
    return False


def _item(keys: Mapping[str, Any], wanted: Any) -> Any:
    """The wanted list's item with those keys; a key it leaves to the server's default matches anything."""
    for item in wanted if isinstance(wanted, list | tuple) else ():
        if isinstance(item, Mapping) and all(item.get(k, v) == v for k, v in keys.items()):
            return item
    return None
