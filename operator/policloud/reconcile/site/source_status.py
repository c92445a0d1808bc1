"""What an EnergySource's status says: the site's part and the governor's."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from policloud.api.resources import ENERGY_SOURCE
from policloud.domain.conditions import Condition, merge
from policloud.domain.energy.freshness import MeterState, Quality
from policloud.ports import Body
from policloud.reconcile.site.book import SourceState
from policloud.reconcile.site.objects import status_body
from policloud.reconcile.site.specs import rfc3339
from policloud.reconcile.site.text import money, watts_text


def statuses(body: Body, meters: Mapping[str, MeterState], state: SourceState, *, now: datetime) -> tuple[Body, Body]:
    """The two bodies to apply: under the site's field manager and under the governor's."""
    written = rfc3339(now)
    generation = body["metadata"].get("generation", 1)
    existing = (body.get("status") or {}).get("conditions") or ()
    status: Body = {
        "observedGeneration": generation,
        "availableWatts": state.available_watts,
        "quality": str(state.quality),
        "observedAt": rfc3339(state.observed_at),
        "meters": [_meter_status(name, meter) for name, meter in meters.items()],
        "currency": state.currency,
        "summary": f"{watts_text(state.available_watts)} / {watts_text(body['spec'].get('nameplateWatts', 0))}",
        "conditions": merge(existing, _conditions(state), generation=generation, now=written),
    }
    if state.price_per_kwh is not None:
        status["pricePerKWh"] = money(state.price_per_kwh)
    if state.grams_per_kwh is not None:
        status["gramsPerKWh"] = state.grams_per_kwh
    fresh = Condition(
        "TelemetryFresh", "True" if state.quality is Quality.GOOD else "False", state.reason, state.message
    )
    return status_body(ENERGY_SOURCE, body, status), status_body(
        ENERGY_SOURCE, body, {"conditions": merge(existing, [fresh], generation=generation, now=written)}
    )


def _conditions(state: SourceState) -> list[Condition]:
    if state.retiring:
        ready = Condition(
            "Ready", "False", "Retiring", "being deleted: nothing new draws on it; it goes once units can do without it"
        )
    elif state.quality is Quality.GOOD:
        ready = Condition("Ready", "True", "Metered", "")
    else:
        ready = Condition("Ready", "False", state.reason, state.message)
    return [
        ready,
        Condition("Reconciling", "True" if state.retiring else "False", "Retiring" if state.retiring else "UpToDate"),
        Condition("Stalled", "False", "Progressing"),
    ]


def _meter_status(name: str, state: MeterState) -> Body:
    status: Body = {"name": name, "quality": str(state.quality), "watts": state.watts}
    if state.accepted is not None:
        status["observedAt"] = rfc3339(state.accepted.at)
    return status
