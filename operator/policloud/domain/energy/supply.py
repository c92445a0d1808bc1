"""What one EnergySource can be counted on for: generation and import, within its breaker and its contract."""

from __future__ import annotations

import math
from dataclasses import dataclass

from policloud.domain.energy.freshness import Quality, worst


@dataclass(frozen=True, slots=True)
class Breaker:
    """The feed's breaker; an ordinary one carries 80 % of its rating for hours."""

    rated_amperes: int
    volts: int
    phases: int
    power_factor: float
    continuous_percent: int

    @property
    def continuous_watts(self) -> int:
        amperes = self.rated_amperes * self.continuous_percent / 100
        lines = math.sqrt(3) if self.phases == 3 else 1.0  # noqa: PLR2004 - three phases: line-to-line volts
        return math.floor(self.volts * amperes * lines * self.power_factor)


@dataclass(frozen=True, slots=True)
class Limits:
    """What is declared, not measured. None: not limited there (import: nothing may be imported)."""

    nameplate_watts: int | None = None
    import_watts: int = 0
    subscribed_watts: int | None = None  # contract power: bounds the import
    breaker: Breaker | None = None


@dataclass(frozen=True, slots=True)
class Supply:
    """`watts` is what the loads may count on; `quality` that of the meters it stands on."""

    watts: int
    quality: Quality


def available(limits: Limits, generation: tuple[int, Quality] | None, *, import_served: bool = True) -> Supply:
    """Watts a source can give now. `generation` is None for a source without such meters.

    Import is a right, not a measurement: it counts while its own meters, if any are declared, are of a kind that this
    release can read (`import_served`). The contract bounds the import, the breaker the sum.
    """
    measured, quality = generation if generation is not None else (0, Quality.GOOD)
    own = max(0, measured)
    if limits.nameplate_watts is not None:
        own = min(own, limits.nameplate_watts)
    drawn = limits.import_watts if import_served else 0
    if limits.subscribed_watts is not None:
        drawn = min(drawn, limits.subscribed_watts)
    total = own + drawn
    if limits.breaker is not None:
        total = min(total, limits.breaker.continuous_watts)
    return Supply(max(0, total), quality if import_served else worst((quality, Quality.DEAD)))
