"""EnergySource: reads its meters, judges them, and keeps what the source can be counted on for."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from policloud.api import names, resources
from policloud.domain.energy.freshness import (
    Ageing,
    MeterState,
    Plausible,
    Quality,
    Quorum,
    Sample,
    combine,
    hold,
    observe,
    worst,
)
from policloud.domain.energy.supply import Breaker, Limits, available
from policloud.ports import Body, Clock, Cluster, Meter, MeterError
from policloud.reconcile.base import needs_write
from policloud.reconcile.site.book import SourceBook, SourceState
from policloud.reconcile.site.capacity import own_units
from policloud.reconcile.site.objects import set_finalizer
from policloud.reconcile.site.source_status import statuses
from policloud.reconcile.site.tariff import carbon_now, currency, price_now
from policloud.reconcile.site.text import money
from policloud.runtime.outcome import Done, Outcome, RequeueAfter
from policloud.runtime.store import Key, Store, key_of

_KIND = str(resources.ENERGY_SOURCE)
_IMPORT = frozenset({"SiteImport", "GridExchange"})
MIN_WRITE_SECONDS = 5.0


class Meters(Protocol):
    """Builds the meter for one entry of `telemetry.meters`; MeterError if it cannot be right."""

    def __call__(self, declared: Mapping[str, Any], zone: tzinfo = UTC) -> Meter: ...


@dataclass(slots=True)
class _Plant:
    """What is remembered of one source between two reads."""

    uid: str
    declared: str  # of the meters, to notice an edit
    meters: dict[str, Meter | MeterError]
    states: dict[str, MeterState] = field(default_factory=dict)
    errors: dict[str, MeterError] = field(default_factory=dict)
    generation: int | None = None
    written_watts: int | None = None
    written_at: float = 0.0


class SourceReconciler:
    """One EnergySource by key. `on_change` is called with its key when what it gives, costs or emits has changed.

    `drained` says whether the units can do without it: then a source that is being deleted may go.
    """

    def __init__(
        self,
        *,
        cluster: Cluster,
        store: Store,
        book: SourceBook,
        clock: Clock,
        meters: Meters,
        on_change: Callable[[Key], None],
        drained: Callable[[Key], bool],
    ) -> None:
        self._cluster = cluster
        self._store = store
        self._book = book
        self._clock = clock
        self._meters = meters
        self._on_change = on_change
        self._drained = drained
        self._plants: dict[Key, _Plant] = {}

    async def reconcile(self, key: Key) -> Outcome:
        body = self._store.get(_KIND, key)
        if body is None:
            self._plants.pop(key, None)
            if self._book.get(key) is not None:
                self._book.drop(key)
                self._on_change(key)
            return Done()
        if "deletionTimestamp" in body["metadata"] and self._drained(key):
            await set_finalizer(self._cluster, resources.ENERGY_SOURCE, body, present=False)
            return Done()
        if "deletionTimestamp" not in body["metadata"]:
            await set_finalizer(self._cluster, resources.ENERGY_SOURCE, body, present=True)
        plant = self._plant(key, body)
        await self._read(plant, body["spec"]["telemetry"])
        state = self._judge(plant, body)
        before = self._book.get(key)
        self._book.put(key, state)
        if before is None or not before.counts_as(state):
            self._on_change(key)
        await self._report(self._store.get(_KIND, key) or body, plant, state)
        return RequeueAfter(float(body["spec"]["telemetry"]["periodSeconds"]))

    def _plant(self, key: Key, body: Body) -> _Plant:
        zone = self._zone(key)
        declared = json.dumps([body["spec"]["telemetry"]["meters"], str(zone)], sort_keys=True)
        plant = self._plants.get(key)
        uid = body["metadata"].get("uid", "")
        if plant is not None and plant.uid == uid and plant.declared == declared:
            return plant
        meters: dict[str, Meter | MeterError] = {}
        for entry in body["spec"]["telemetry"]["meters"]:
            try:
                meters[entry["name"]] = self._meters(entry, zone)
            except MeterError as error:
                meters[entry["name"]] = error
        fresh = _Plant(uid, declared, meters)
        if plant is not None and plant.uid == uid:
            # An edited telemetry block starts from what the source counted as: doubtful readings may not raise it.
            fresh.generation = plant.generation
            fresh.written_watts, fresh.written_at = plant.written_watts, plant.written_at
            fresh.states = {n: s for n, s in plant.states.items() if n in meters}
        self._plants[key] = fresh
        return fresh

    def _zone(self, key: Key) -> tzinfo:
        for unit in own_units(self._store):
            if unit.key[0] == key[0] and key[1] in unit.sources:
                name = (unit.body["spec"].get("location") or {}).get("timeZone", "UTC")
                try:
                    return ZoneInfo(name)
                except (LookupError, ValueError, OSError):
                    return UTC
        return UTC

    async def _read(self, plant: _Plant, telemetry: Mapping[str, Any]) -> None:
        ageing = Ageing(telemetry["staleAfterSeconds"], telemetry["deadAfterSeconds"])
        for entry in telemetry["meters"]:
            name = entry["name"]
            meter, sample = plant.meters[name], None
            plant.errors.pop(name, None)
            try:
                if isinstance(meter, MeterError):
                    raise meter
                reading = await meter.read()
                sample = Sample(reading.watts, reading.at)
            except MeterError as error:
                plant.errors[name] = error
            state = plant.states.get(name, MeterState())
            plant.states[name] = observe(state, sample, _plausible(entry), ageing, self._clock.now())

    def _judge(self, plant: _Plant, body: Body) -> SourceState:
        spec, telemetry = body["spec"], body["spec"]["telemetry"]
        by_quantity: dict[str, list[str]] = {}
        for entry in telemetry["meters"]:
            by_quantity.setdefault(entry["quantity"], []).append(entry["name"])
        quorum = Quorum(telemetry.get("quorum", "Any"))
        generation = None
        if "Generation" in by_quantity:
            watts, quality = combine((plant.states[n] for n in by_quantity["Generation"]), quorum)
            plant.generation = hold(plant.generation, watts, quality)
            generation = (plant.generation, quality)
        imports = [n for q, of in by_quantity.items() if q in _IMPORT for n in of]
        unserved = {n for n, e in plant.errors.items() if e.reason == "ProviderNotServed"}
        supply = available(_limits(spec), generation, import_served=not imports or not set(imports) <= unserved)
        others = (
            combine((plant.states[n] for n in of), quorum)[1] for q, of in by_quantity.items() if q != "Generation"
        )
        quality = worst((supply.quality, *others))
        reason, message = _freshness(plant, quality)
        now = self._clock.now()
        key = key_of(body)
        return SourceState(
            available_watts=supply.watts,
            quality=quality,
            reason=reason,
            message=message,
            observed_at=_observed(plant, now),
            price_per_kwh=price_now(spec, now.astimezone(self._zone(key))),
            currency=currency(spec),
            grams_per_kwh=carbon_now(spec),
            retiring="deletionTimestamp" in body["metadata"],
        )

    async def _report(self, body: Body, plant: _Plant, state: SourceState) -> None:
        """Writes what a person or the hub acts on; a wind that trembles by less than a per cent is not."""
        now = self._clock.monotonic()
        nameplate = int(body["spec"].get("nameplateWatts", 0))
        status = body.get("status") or {}
        written = plant.written_watts if plant.written_watts is not None else status.get("availableWatts")
        moved = written is None or abs(state.available_watts - written) * 100 >= max(nameplate, 1)
        verdicts = (status.get("quality"), status.get("pricePerKWh"), status.get("gramsPerKWh"))
        changed = verdicts != (str(state.quality), money(state.price_per_kwh), state.grams_per_kwh)
        recent = plant.written_at and now - plant.written_at < MIN_WRITE_SECONDS
        steep = written is not None and abs(state.available_watts - written) * 10 >= max(nameplate, 1)
        generation = body["metadata"].get("generation", 1)
        if status.get("observedGeneration") == generation and not changed and not steep and (not moved or recent):
            return
        mine, governor = statuses(body, plant.states, state, now=self._clock.now())
        for manager, wanted in ((names.SITE_MANAGER, mine), (names.GOVERNOR_MANAGER, governor)):
            current = self._store.get(_KIND, key_of(body))
            if needs_write(current, wanted, manager=manager, subresource="status"):
                await self._cluster.apply_status(resources.ENERGY_SOURCE, wanted, manager=manager)
        plant.written_watts, plant.written_at = state.available_watts, now


def _plausible(entry: Mapping[str, Any]) -> Plausible:
    block = entry.get("plausible") or {}
    return Plausible(block.get("minWatts"), block.get("maxWatts"), block.get("maxRampWattsPerSecond"))


def _limits(spec: Mapping[str, Any]) -> Limits:
    block = spec.get("breaker")
    breaker = None
    if block:
        breaker = Breaker(
            rated_amperes=int(block["ratedAmperes"]),
            volts=int(block["volts"]),
            phases=int(block["phases"]),
            power_factor=float(block.get("powerFactor", "1")),
            continuous_percent=int(block.get("continuousPercent", 80)),
        )
    return Limits(
        nameplate_watts=spec.get("nameplateWatts"),
        import_watts=int(spec.get("importLimitWatts", 0)),
        subscribed_watts=spec.get("subscribedWatts"),
        breaker=breaker,
    )


def _freshness(plant: _Plant, quality: Quality) -> tuple[str, str]:
    """Reason and message of TelemetryFresh: the meter that hinders it, in its own words."""
    if quality is Quality.GOOD:
        return "Good", ""
    if plant.errors:
        error = next(iter(plant.errors.values()))
        return error.reason, error.message
    bad = [f"{n} is {s.quality}" for n, s in plant.states.items() if s.quality is not Quality.GOOD]
    reason = {Quality.UNKNOWN: "NeverRead"}.get(quality, str(quality))
    return reason, f"{', '.join(bad) or 'no meter'}; power is not raised until readings are good again"


def _observed(plant: _Plant, now: datetime) -> datetime:
    times = [s.accepted.at for s in plant.states.values() if s.accepted is not None]
    return min(times, default=now)
