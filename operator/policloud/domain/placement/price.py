"""What a GPU-hour of a workload costs on a unit, in euros: the number that ranks units.

    cost = f_cost * energy + f_carbon * carbon + f_latency * latency + data + churn

    energy   price of a kWh * rated kW of a GPU
    carbon   kg CO2e of a kWh * rated kW * CARBON_EUR_PER_KG
    latency  milliseconds from the unit to the nearest region asked for * LATENCY_EUR_PER_MS
    data     GiB that lie elsewhere * TRANSFER_EUR_PER_GIB, spread over the GPU-hours of the run
    churn    CHURN_EUR where the workload does not run yet: an image to pull, a model to load

The factors f come from `placement.weights`, scaled to a mean of one; without weights each is one. What a unit does
not state counts as the worst that any unit of the snapshot states, so silence is never an advantage. The constants
are ours (assumptions), not market figures; they only weigh the terms against each other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from policloud.domain.placement.capacity import Request
from policloud.domain.placement.model import UnitView, WorkloadView

CARBON_EUR_PER_KG: Final = 0.10
LATENCY_EUR_PER_MS: Final = 0.0005
TRANSFER_EUR_PER_GIB: Final = 0.02
CHURN_EUR: Final = 0.03
SAME_SITE_TRANSFER: Final = 0.1  # inside a site data moves over the local network
OPEN_ENDED_HOURS: Final = 720.0  # a service without an end pays for moved data over a month
_KINDS: Final = ("cost", "carbon", "latency")
_NO_PRICE_KNOWN: Final = 0.20  # euros per kWh, where no unit of the snapshot states a price
_NO_CARBON_KNOWN: Final = 500.0  # grams per kWh, likewise


def in_euros(amount: Decimal | None, currency: str, rates: Mapping[str, Decimal]) -> Decimal | None:
    """An amount in euros; None if it is unknown or its currency has no rate in the snapshot."""
    rate = Decimal(1) if currency == "EUR" else rates.get(currency)
    return None if amount is None or rate is None else amount * rate


def gpu_hour_price(unit: UnitView, request: Request, currency: str, rates: Mapping[str, Decimal]) -> Decimal | None:
    """What the unit charges for a GPU-hour, in `currency`; without a price list, its energy alone. None: unknown."""
    amount = unit.price_per_gpu_hour
    if amount is None and unit.price_per_kwh is not None:
        amount = unit.price_per_kwh * rated_watts(unit, request) / 1000
    if amount is None or unit.currency == currency:
        return amount
    euros = in_euros(amount, unit.currency, rates)
    rate = in_euros(Decimal(1), currency, rates)
    return None if euros is None or not rate else euros / rate


def rated_watts(unit: UnitView, request: Request) -> int:
    """Rated draw of the GPU that the unit would give first: the least hungry of those accepted."""
    return min((p.watts_per_gpu for p in unit.pools if request.accepts(p)), default=0)


def latency_of(unit: UnitView, regions: frozenset[str]) -> int | None:
    """Milliseconds to the nearest of the regions; 0 inside one of them, None if nobody knows."""
    known = [unit.latency_ms[r] for r in regions if r in unit.latency_ms]
    if unit.region in regions:
        known.append(unit.latency_ms.get(str(unit.region), 0))
    return min(known, default=None)


class Pricing:
    """Costs on the units of one snapshot, computed once per class of workload."""

    def __init__(self, units: Sequence[UnitView], rates: Mapping[str, Decimal]) -> None:
        prices = [in_euros(u.price_per_kwh, u.currency, rates) for u in units]
        worst = max((float(p) for p in prices if p is not None), default=_NO_PRICE_KNOWN)
        dirtiest = max((float(u.grams_per_kwh) for u in units if u.grams_per_kwh is not None), default=_NO_CARBON_KNOWN)
        slowest = max((ms for u in units for ms in u.latency_ms.values()), default=0)
        self._units = units
        self._price = [worst if p is None else float(p) for p in prices]
        self._grams = [dirtiest if u.grams_per_kwh is None else float(u.grams_per_kwh) for u in units]
        self._slowest = slowest
        self._base: dict[tuple[object, ...], dict[int, float]] = {}
        self._site_of = {u.unit: u.site for u in units}

    def cost(self, workload: WorkloadView, request: Request, index: int) -> float:
        """Euros per GPU-hour of one more replica on the unit of that index."""
        unit = self._units[index]
        churn = 0.0 if workload.running.get(unit.unit) else CHURN_EUR
        return self._class_cost(workload, request, index) + self._data_cost(workload, unit) + churn

    def _class_cost(self, workload: WorkloadView, request: Request, index: int) -> float:
        key = (tuple(sorted(workload.weights.items())), workload.latency_regions, request)
        known = self._base.setdefault(key, {})
        if index not in known:
            known[index] = self._compute(workload, request, index)
        return known[index]

    def _compute(self, workload: WorkloadView, request: Request, index: int) -> float:
        unit = self._units[index]
        kilowatts = rated_watts(unit, request) / 1000
        cost, carbon, latency = _factors(workload.weights)
        delay = latency_of(unit, workload.latency_regions) if workload.latency_regions else 0
        return (
            cost * self._price[index] * kilowatts
            + carbon * self._grams[index] / 1000 * kilowatts * CARBON_EUR_PER_KG
            + latency * (self._slowest if delay is None else delay) * LATENCY_EUR_PER_MS
        )

    def _data_cost(self, workload: WorkloadView, unit: UnitView) -> float:
        if not workload.data:
            return 0.0
        moved = 0.0
        for source in workload.data:
            if source.unit != unit.unit:
                near = self._site_of.get(source.unit) == unit.site
                moved += source.size_gib * (SAME_SITE_TRANSFER if near else 1.0)
        gpus = max(1, workload.replicas * workload.gpus_per_replica)
        hours = workload.estimated_gpu_hours
        gpu_hours = OPEN_ENDED_HOURS * gpus if hours is None else max(1.0, float(hours))
        return moved * TRANSFER_EUR_PER_GIB / gpu_hours


def _factors(weights: Mapping[str, int]) -> tuple[float, float, float]:
    """The weights scaled to a mean of one; none given: all one."""
    total = sum(weights.get(kind, 0) for kind in _KINDS)
    if total <= 0:
        return 1.0, 1.0, 1.0
    scaled = [len(_KINDS) * weights.get(kind, 0) / total for kind in _KINDS]
    return scaled[0], scaled[1], scaled[2]
