"""The meter of a plant that does not exist: watts of a shape at the present instant."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import time, tzinfo
from pathlib import Path
from typing import Any

from policloud.adapters.meters.trace import TraceFile
from policloud.domain.energy.price import minutes
from policloud.domain.energy.shapes import Constant, Shape, Solar, Wind
from policloud.ports import Clock, Meter, MeterError, Reading

MINUTES_A_DAY = 1440


class ShapeMeter:
    """Reads a pure function of time."""

    def __init__(self, shape: Shape, clock: Clock) -> None:
        self._shape = shape
        self._clock = clock

    async def read(self) -> Reading:
        now = self._clock.now()
        return Reading(self._shape.watts(now), now)


class TraceMeter:
    """Reads a trace file, again when it has changed."""

    def __init__(self, file: TraceFile, clock: Clock) -> None:
        self._file = file
        self._clock = clock

    async def read(self) -> Reading:
        trace = await asyncio.to_thread(self._file.trace)
        now = self._clock.now()
        return Reading(trace.watts(now), now)


def simulated_meter(spec: Mapping[str, Any], clock: Clock, directory: Path, zone: tzinfo) -> Meter:
    """From a `simulated` block; a relative trace file lies under `directory`. MeterError if the block is empty."""
    if (constant := spec.get("constant")) is not None:
        return ShapeMeter(Constant(int(constant["watts"])), clock)
    if (trace := spec.get("trace")) is not None:
        return TraceMeter(TraceFile(directory / trace["file"], bool(trace.get("loop", False))), clock)
    if (wind := spec.get("wind")) is not None:
        shape = Wind(
            int(wind["meanWatts"]),
            int(wind.get("variabilityPercent", 30)),
            float(wind.get("periodSeconds", 3600)),
            int(wind.get("seed", 0)),
        )
        return ShapeMeter(shape, clock)
    if (solar := spec.get("solar")) is not None:
        shape_of_day = Solar(int(solar["peakWatts"]), _moment(solar["sunrise"]), _moment(solar["sunset"]), zone)
        return ShapeMeter(shape_of_day, clock)
    raise MeterError("ProviderNotServed", "simulated needs one of constant, trace, wind, solar")


def _moment(text: str) -> time:
    """`06:30`; `24:00` is the end of the day."""
    total = minutes(text)
    return time.max if total >= MINUTES_A_DAY else time(*divmod(total, 60))
