"""Quantities as people read them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
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


def clock(moment: datetime, now: datetime) -> str:
    """`11:30` today, else with the day."""
    return f"{moment:%H:%M}" if moment.date() == now.date() else f"{moment:%Y-%m-%d %H:%M}"
