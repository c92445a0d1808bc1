"""What workloads use: GPU seconds of ready replicas, and from the rated draw energy, carbon and money.

Until meters per GPU exist, energy is rated draw × time: an upper bound, and said to be one. Carbon is that of the
unit's kWh at the time; market-based figures follow the source's own where it states them, else they are the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from policloud.ports import Body
from policloud.reconcile.site.text import money

_JOULES_PER_KWH = Decimal(3_600_000)


@dataclass(frozen=True, slots=True)
class Rate:
    """What one moment of a workload takes: GPUs, their rated watts, and price and carbon where it runs."""

    gpus: int = 0
    watts: int = 0
    grams_per_kwh: Decimal | None = None  # weighted by watts over its units
    price_per_kwh: Decimal | None = None
    currency: str | None = None


@dataclass(slots=True)
class Tally:
    """Sums since the workload began; `rate` holds since `at`."""

    joules: Decimal = Decimal(0)
    gpu_seconds: Decimal = Decimal(0)
    grams: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)
    currency: str | None = None
    at: datetime | None = None
    rate: Rate = field(default_factory=Rate)
    written: datetime | None = None

    @classmethod
    def from_status(cls, usage: Body | None) -> Tally:
        """Goes on from what was written last; what ran between that and a crash is not counted twice, but lost."""
        raw: dict[str, Any] = usage or {}
        return cls(
            joules=Decimal(int(raw.get("energyWattHours", 0))) * 3600,
            gpu_seconds=Decimal(int(raw.get("gpuSeconds", 0))),
            grams=Decimal(int(raw.get("gramsCO2eLocation", 0))),
            cost=Decimal(str(raw.get("cost", "0"))),
            currency=raw.get("currency"),
        )

    def advance(self, now: datetime, rate: Rate) -> None:
        """Count the time since the last call at the rate that held, then hold `rate`."""
        if self.at is not None and now > self.at:
            seconds = Decimal(str((now - self.at).total_seconds()))
            energy = self.rate.watts * seconds
            self.joules += energy
            self.gpu_seconds += self.rate.gpus * seconds
            kwh = energy / _JOULES_PER_KWH
            if self.rate.grams_per_kwh is not None:
                self.grams += kwh * self.rate.grams_per_kwh
            # One currency a workload: the first it was charged in. Another one cannot be added to it.
            if self.rate.price_per_kwh is not None and self.currency in {None, self.rate.currency}:
                self.cost += kwh * self.rate.price_per_kwh
                self.currency = self.rate.currency
        self.at, self.rate = now, rate

    def status(self) -> Body:
        """`status.usage`; empty while nothing was used."""
        if not self.gpu_seconds:
            return {}
        body: Body = {
            "energyWattHours": int(self.joules / 3600),
            "gpuSeconds": int(self.gpu_seconds),
            "gramsCO2eLocation": int(self.grams),
            "gramsCO2eMarket": int(self.grams),
        }
        if self.currency:
            body["cost"] = money(self.cost)
            body["currency"] = self.currency
        return body
