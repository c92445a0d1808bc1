"""How many replicas of one workload may share a unit, site, region or country."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from policloud.domain.placement.capacity import UNBOUNDED
from policloud.domain.placement.model import UnitView

UNKNOWN = "unknown"  # units that do not say where they are share one domain: the cautious reading


def domain_of(unit: UnitView, over: str | None) -> str:
    """The failure domain of a unit."""
    if over == "Site":
        return unit.site
    if over == "Region":
        return unit.region or UNKNOWN
    if over == "Country":
        return unit.facts.country or UNKNOWN
    return unit.unit


class SpreadState:
    """Replicas by domain of one workload, running ones included."""

    def __init__(
        self, units: Sequence[UnitView], over: str | None, max_per_domain: int | None, running: Mapping[str, int]
    ) -> None:
        self._over = over
        self._limit = max_per_domain
        self._load: dict[str, int] = {}
        if running:
            for unit in units:
                if running.get(unit.unit):
                    self.add(unit, running[unit.unit])

    def copy(self) -> SpreadState:
        """The same state, to plan on."""
        other = SpreadState((), self._over, self._limit, {})
        other._load = dict(self._load)
        return other

    @property
    def even(self) -> bool:
        """Spread without a limit: as evenly as can be."""
        return self._over is not None and self._limit is None

    def add(self, unit: UnitView, replicas: int) -> None:
        domain = domain_of(unit, self._over)
        self._load[domain] = self._load.get(domain, 0) + replicas

    def load(self, unit: UnitView) -> int:
        """Replicas in the unit's domain."""
        return self._load.get(domain_of(unit, self._over), 0)

    def left(self, unit: UnitView) -> int:
        """How many more its domain takes."""
        return UNBOUNDED if self._limit is None else max(0, self._limit - self.load(unit))

    @property
    def limit_text(self) -> str:
        return f"at most {self._limit} per {(self._over or 'Unit').lower()}"
