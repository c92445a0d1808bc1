"""From an EnergySource's `price` and `carbon` blocks to what a kWh costs and emits now."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from policloud.domain.energy.price import Window, minutes, opportunity, time_of_use, weekdays

_KWH = Decimal(1000)


def price_now(spec: Mapping[str, Any], local: datetime) -> Decimal | None:
    """Per kWh in the price's currency, tariffs and taxes included; None where it is not known. `local`: plant time."""
    price = spec.get("price") or {}
    energy = _energy_per_mwh(price, local)
    if energy is None:
        return None
    if price.get("negativePolicy", "Ignore") == "Ignore":
        energy = max(Decimal(0), energy)
    on_top = Decimal(price.get("taxesPerMWh", "0"))
    if spec.get("type") == "Grid":
        on_top += Decimal(price.get("gridTariffPerMWh", "0"))
    return (energy + on_top) / _KWH


def _energy_per_mwh(price: Mapping[str, Any], local: datetime) -> Decimal | None:
    match price.get("model"):
        case "Fixed":
            return Decimal(price["fixed"]["pricePerMWh"])
        case "TimeOfUse":
            tariff = price["timeOfUse"]
            windows = [
                Window(weekdays(p["days"]), minutes(p["from"]), minutes(p["to"]), Decimal(p["pricePerMWh"]))
                for p in tariff["periods"]
            ]
            return time_of_use(windows, local, Decimal(tariff["otherwisePerMWh"]))
        case "Opportunity":
            block = price["opportunity"]
            reference = block.get("referencePerMWh")
            return opportunity(
                Decimal(reference) if reference is not None else None,
                Decimal(block["feePerMWh"]),
                Decimal(block["floorPerMWh"]),
            )
        case _:
            return None


def carbon_now(spec: Mapping[str, Any]) -> int | None:
    """Grams of CO2e per kWh, location based: what is drawn on average if stated, else the plant's own over its life."""
    carbon = spec.get("carbon") or {}
    average = (carbon.get("average") or {}).get("gramsPerKWh")
    grams = average if average is not None else carbon.get("lifecycleGramsPerKWh")
    return None if grams is None else int(grams)


def currency(spec: Mapping[str, Any]) -> str:
    return str((spec.get("price") or {}).get("currency") or "EUR")
