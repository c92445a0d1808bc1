"""Quantities as people read them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Final

KILO: Final = 1000


def watts(value: int) -> str:
    """`350 W`, `1.4 kW`, `320 kW`."""
    if abs(value) < KILO:
        return f"{value} W"
    return f"{value / KILO:.1f}".removesuffix(".0") + " kW"


def count(number: int, noun: str) -> str:
    """`1 GPU`, `8 GPUs`."""
    return f"{number} {noun}" + ("" if number == 1 else "s")


def either(names: Iterable[str]) -> str:
    """`A or B`, sorted."""
    return " or ".join(sorted(names))


def money(amount: Decimal, currency: str) -> str:
    """`2.40 EUR`, `0.0041 EUR`: two to four decimals, the same text for equal amounts."""
    whole, _, decimals = f"{amount:.4f}".partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(2, '0')} {currency}"


def clock(moment: datetime, now: datetime) -> str:
    """`11:30` today, else with the day."""
    return f"{moment:%H:%M}" if moment.date() == now.date() else f"{moment:%Y-%m-%d %H:%M}"
