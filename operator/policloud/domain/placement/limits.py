"""The tenant's own limits on a unit: latency, price, carbon, deadline. Each check yields one blocker or None."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from policloud.domain.placement.blockers import Blocker
from policloud.domain.placement.capacity import Request
from policloud.domain.placement.machine import EmptyRooms
from policloud.domain.placement.model import UnitView, WorkloadView
from policloud.domain.placement.price import gpu_hour_price, latency_of
from policloud.domain.placement.text import money
from policloud.domain.reasons import Reason


def latency(regions: frozenset[str], limit: int | None, unit: UnitView) -> Blocker | None:
    """In one of the regions, or within `limit` milliseconds of one."""
    named = "[" + ", ".join(sorted(regions)) + "]"
    if limit is None:
        if unit.region in regions:
            return None
        return Blocker(Reason.LATENCY_TOO_HIGH, f"region {unit.region or 'unknown'}", f"in {named}")
    delay = latency_of(unit, regions)
    required = f"at most {limit} ms to {named}"
    if delay is None:
        return Blocker(Reason.LATENCY_TOO_HIGH, f"region {unit.region or 'unknown'}, latency unknown", required)
    if delay <= limit:
        return None
    over = delay - limit
    return Blocker(Reason.LATENCY_TOO_HIGH, f"{delay} ms", required, f"-{over} ms", shortfall=_share(over, limit))


def price(
    limit: Decimal, currency: str, request: Request, rates: Mapping[str, Decimal], unit: UnitView
) -> Blocker | None:
    """At most `limit` per GPU-hour; a price that nobody knows is not below it."""
    amount = gpu_hour_price(unit, request, currency, rates)
    required = f"at most {money(limit, currency)} per GPU-hour"
    if amount is None:
        return Blocker(Reason.PRICE_ABOVE_LIMIT, f"no price known in {currency}", required)
    if amount <= limit:
        return None
    over = amount - limit
    measured, margin = money(amount, currency), "-" + money(over, currency)
    return Blocker(Reason.PRICE_ABOVE_LIMIT, measured, required, margin, shortfall=_share(over, limit))


def carbon(limit: int, unit: UnitView) -> Blocker | None:
    """At most `limit` grams a kWh; carbon that nobody knows is not below it."""
    required = f"at most {limit} g/kWh"
    if unit.grams_per_kwh is None:
        return Blocker(Reason.CARBON_ABOVE_LIMIT, "carbon unknown", required)
    if unit.grams_per_kwh <= limit:
        return None
    over = unit.grams_per_kwh - limit
    measured = f"{unit.grams_per_kwh} g/kWh"
    return Blocker(Reason.CARBON_ABOVE_LIMIT, measured, required, f"-{over} g/kWh", shortfall=_share(over, limit))


def deadline(
    workload: WorkloadView, request: Request, now: datetime, empty: EmptyRooms
) -> Callable[[UnitView], Blocker | None]:
    """The work is done in time if it starts now with all the replicas that the unit could ever hold."""
    due = workload.deadline or datetime.max.replace(tzinfo=UTC)
    required = f"done by {due:%Y-%m-%d %H:%M}"
    left = (due - now) / timedelta(hours=1)
    passed = Blocker(Reason.DEADLINE_UNREACHABLE, "the deadline has passed", required)
    work, most, size = workload.estimated_gpu_hours, workload.replicas, request.gpus_per_replica
    gpu_hours = 0.0 if work is None else float(work)

    def check(unit: UnitView) -> Blocker | None:
        if left <= 0:
            return passed
        if gpu_hours == 0 or size == 0:
            return None
        gpus = min(most, empty.of(unit, request).replicas) * size
        if gpus == 0 or gpu_hours <= left * gpus:
            return None  # in time, or the machine has said already that it is too small
        hours = gpu_hours / gpus
        measured, late = f"{hours:.1f} h with {gpus} GPUs", hours - left
        return Blocker(Reason.DEADLINE_UNREACHABLE, measured, required, f"-{late:.1f} h", shortfall=late / left)

    return check


def unmeasured(names: tuple[str, ...], _unit: UnitView) -> Blocker:
    """A hard limit on something that is not measured is not met: silence would relax it."""
    return Blocker(Reason.CARBON_ABOVE_LIMIT, f"{names[0]} is not measured yet", f"{names[0]} within its limit")


def _share(missing: Decimal | int, required: Decimal | int) -> float | None:
    return float(missing) / float(required) if required else None
