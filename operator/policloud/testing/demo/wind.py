"""The wind of a simulated source: the trace file that its meter reads, rewritten while the site runs."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

from policloud.api.names import SYSTEM_NAMESPACE
from policloud.api.resources import ENERGY_SOURCE
from policloud.cli.fleet import spec, status
from policloud.ports import Body, Cluster
from policloud.testing.demo.stage import Stage


class Wind:
    """The trace file of the first source of a site that has one."""

    def __init__(self, file: Path, import_watts: int) -> None:
        self.file = file
        self.import_watts = import_watts
        self._calm_before = file.read_text()

    @classmethod
    async def of(cls, cluster: Cluster, folder: Path) -> Wind | None:
        """None if no source of the site reads a trace file; relative ones lie in `folder`."""
        for source in (await cluster.list(ENERGY_SOURCE, SYSTEM_NAMESPACE)).items:
            for meter in (spec(source).get("telemetry") or {}).get("meters") or ():
                trace = (meter.get("simulated") or {}).get("trace")
                if trace:
                    return cls(folder / trace["file"], int(spec(source).get("importLimitWatts") or 0))
        return None

    def blow(self, source_watts: int) -> None:
        """From now on the source gives so many watts, import included; at once, as a whole file."""
        generation = max(0, source_watts - self.import_watts)
        self._write(f"time,watts\n0,{generation}\n")

    def restore(self) -> None:
        self._write(self._calm_before)

    def _write(self, text: str) -> None:
        fresh = self.file.with_suffix(".new")
        fresh.write_text(text)
        fresh.replace(self.file)


def source_watts_for(unit: Body, available_watts: int) -> int:
    """What the source must give for a unit to have `available_watts` after its safety margin."""
    return int(Decimal(available_watts) * 100 / (100 - _margin(unit)))


def available_from(unit: Body, source_watts: int) -> int:
    """What a unit has of so many watts at the source, after its safety margin."""
    return int(Decimal(source_watts) * (100 - _margin(unit)) / 100)


def _margin(unit: Body) -> Decimal:
    return Decimal(str((spec(unit).get("electrical") or {}).get("safetyMarginPercent") or 0))


def power(unit: Body) -> dict[str, int]:
    """`status.power` of a unit; zeros for what it does not say."""
    stated = status(unit).get("power") or {}
    return {k: int(stated.get(k) or 0) for k in ("availableWatts", "baseWatts", "usedWatts", "freeWatts")}


def gpu_watts(unit: Body) -> int:
    """Rated draw of one GPU of the first pool, on the site's own copy of the unit."""
    pools = spec(unit).get("pools") or [{}]
    return int((pools[0].get("power") or {}).get("maxWatts") or 0)


async def unit_power(stage: Stage, site: str, unit: str) -> dict[str, int]:
    return power(await stage.world.unit(site, unit))
