"""Quantities as people read them: fixed units, few digits, `-` for what is not known."""

from __future__ import annotations

from datetime import datetime, timedelta

UNKNOWN = "-"
_KILO = 1000
_MINUTE = 60
_HOUR = 3600
_DAY = 86400


def watts(value: float | None) -> str:
    """`850 W`, `1.1 kW`, `78 kW`, `2.0 MW`."""
    if value is None:
        return UNKNOWN
    size = abs(value)
    if size < _KILO:
        return f"{value:.0f} W"
    if size < 10 * _KILO:
        return f"{value / _KILO:.1f} kW"
    if size < _KILO * _KILO:
        return f"{value / _KILO:.0f} kW"
    return f"{value / _KILO / _KILO:.1f} MW"


def used_of(used: int | None, total: int | None) -> str:
    """`12/104`; a dash for the side that is not known."""
    if used is None and total is None:
        return UNKNOWN
    return f"{UNKNOWN if used is None else used}/{UNKNOWN if total is None else total}"


def grams(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.0f}"


def duration(seconds: float) -> str:
    """As kubectl shows ages: `45s`, `12m`, `3h`, `8d`."""
    s = max(0, int(seconds))
    if s < 2 * _MINUTE:
        return f"{s}s"
    if s < 2 * _HOUR:
        return f"{s // _MINUTE}m"
    if s < 2 * _DAY:
        return f"{s // _HOUR}h"
    return f"{s // _DAY}d"


def parse_time(value: object) -> datetime | None:
    """RFC 3339 to aware time; None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        at = datetime.fromisoformat(value)
    except ValueError:
        return None
    return at if at.tzinfo else None


def age(value: object, now: datetime) -> str:
    at = parse_time(value)
    return UNKNOWN if at is None else duration((now - at).total_seconds())


def clock_time(value: object, now: datetime) -> str:
    """`11:30` today, `25 Nov 11:30` otherwise, in UTC: what a person compares with a wall clock."""
    at = parse_time(value)
    if at is None:
        return UNKNOWN
    if abs(at - now) < timedelta(hours=12):
        return f"{at:%H:%M}Z"
    return f"{at:%d %b %H:%M}Z"
