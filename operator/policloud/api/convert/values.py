"""Scalars of bodies: strings to dates, times and decimals; absent stays None."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

Body = Mapping[str, Any]


def block(body: Body, *path: str) -> Body:
    """The nested mapping at `path`; empty if any step is absent."""
    here: Any = body
    for step in path:
        here = here.get(step) if isinstance(here, Mapping) else None
    return here if isinstance(here, Mapping) else {}


def day(value: Any) -> date | None:
    """`2026-11-24`, or the day of a time."""
    if value is None or (isinstance(value, date) and not isinstance(value, datetime)):
        return value
    return date.fromisoformat(str(value)[:10])


def moment(value: Any) -> datetime | None:
    """RFC 3339 to an aware time in UTC."""
    if value is None:
        return None
    parsed = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return parsed.astimezone(UTC) if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def decimal(value: Any) -> Decimal | None:
    """A decimal string; None for what is absent or no finite number."""
    if value is None:
        return None
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        return None
    return number if number.is_finite() else None


def names(value: Iterable[str] | None) -> frozenset[str] | None:
    """A list as a set; absent stays None, which is not the same as empty."""
    return None if value is None else frozenset(value)
