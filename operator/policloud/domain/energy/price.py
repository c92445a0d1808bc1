"""Price and carbon of a kilowatt-hour now. What is not known is None: a missing price never raises power."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Window:
    """A tariff on some days (0 = Monday) from `start` up to `end`, minutes after local midnight (0 to 1440)."""

    days: frozenset[int]
    start: int
    end: int
    price: Decimal

    def covers(self, local: datetime) -> bool:
        return local.weekday() in self.days and self.start <= local.hour * 60 + local.minute < self.end


_DAYS = {name: number for number, name in enumerate(("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"))}


def weekdays(text: str) -> frozenset[int]:
    """`Mon-Fri,Sun` to {0, 1, 2, 3, 4, 6}; a range may wrap around the week's end."""
    days: set[int] = set()
    for part in text.split(","):
        first, _, last = part.strip().partition("-")
        begin, end = _DAYS[first], _DAYS[last or first]
        days.update(day % 7 for day in range(begin, end + 1 + (7 if end < begin else 0)))
    return frozenset(days)


def minutes(text: str) -> int:
    """`06:30` to 390; `24:00` to 1440."""
    hours, _, rest = text.partition(":")
    return int(hours) * 60 + int(rest)


def time_of_use(windows: Sequence[Window], local: datetime, default: Decimal | None = None) -> Decimal | None:
    """Price by the first window that covers the plant's local time."""
    return next((w.price for w in windows if w.covers(local)), default)


def opportunity(reference: Decimal | None, fee: Decimal, floor: Decimal | None) -> Decimal | None:
    """What the kWh would have been sold for: reference less the fee, at least the floor. Unknown without reference.

    All in one unit of money per energy; the caller converts from MWh.
    """
    if reference is None:
        return None
    sold = reference - fee
    return sold if floor is None else max(sold, floor)
