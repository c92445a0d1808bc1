"""From a meter's declaration to something that can be read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any

from policloud.adapters.meters.simulated import simulated_meter
from policloud.ports import Clock, Meter, MeterError, Reading

_NOT_PROVIDERS = frozenset({"name", "quantity", "plausible", "at"})
SERVED = ("simulated",)


class UnservedMeter:
    """A declared provider that this release cannot read. It says so, and counts as no power."""

    def __init__(self, name: str, provider: str) -> None:
        self._message = (
            f"meter {name} declares {provider}, which this release does not read; it counts as no power. "
            f"Served: {', '.join(SERVED)}"
        )

    async def read(self) -> Reading:
        raise MeterError("ProviderNotServed", self._message)


class MeterFactory:
    """Builds meters; simulated ones read relative trace files under `directory`."""

    def __init__(self, clock: Clock, directory: Path) -> None:
        self._clock = clock
        self._directory = directory

    def __call__(self, declared: Mapping[str, Any], zone: tzinfo = UTC) -> Meter:
        """The meter for one entry of `telemetry.meters`; `zone` is the plant's, for shapes that follow the sun."""
        if (simulated := declared.get("simulated")) is not None:
            return simulated_meter(simulated, self._clock, self._directory, zone)
        provider = next((k for k in sorted(declared) if k not in _NOT_PROVIDERS), "no provider")
        return UnservedMeter(str(declared.get("name", "")), provider)
