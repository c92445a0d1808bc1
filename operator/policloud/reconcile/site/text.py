"""Figures as people read them."""

from __future__ import annotations

from decimal import Decimal


def money(value: Decimal | None) -> str | None:
    """A decimal string of at most six places, as the API wants it."""
    return None if value is None else f"{value.quantize(Decimal('0.000001')).normalize():f}"


def watts_text(watts: int) -> str:
    """`350 W`, `1.1 kW`, `131 kW`, `2 MW`: three digits are enough for a column."""
    for size, unit in ((1_000_000, "MW"), (1_000, "kW")):
        if abs(watts) >= size:
            return f"{watts / size:.3g} {unit}"
    return f"{watts} W"
