"""The latest readings of the site's EnergySources, in memory: fresher than any status, and gone with the process."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from policloud.domain.energy.freshness import Quality
from policloud.runtime.store import Key


@dataclass(frozen=True, slots=True)
class SourceState:
    """What one source can be counted on for, price and carbon per kWh (None: unknown)."""

    available_watts: int
    quality: Quality
    reason: str  # of TelemetryFresh
    message: str
    observed_at: datetime
    price_per_kwh: Decimal | None = None
    currency: str = "EUR"
    grams_per_kwh: int | None = None
    retiring: bool = False  # being deleted: holds what it holds, gives nothing new

    def counts_as(self, other: SourceState) -> bool:
        """Whether everything but the time of reading is the same."""
        return replace(self, observed_at=other.observed_at) == other


class SourceBook:
    """Written by the source reconciler, read by capacity. A source that is absent was not read since the start."""

    def __init__(self) -> None:
        self._states: dict[Key, SourceState] = {}
        self.revision = 0  # rises whenever a source counts as something else

    def put(self, key: Key, state: SourceState) -> None:
        before = self._states.get(key)
        if before is None or not before.counts_as(state):
            self.revision += 1
        self._states[key] = state

    def drop(self, key: Key) -> None:
        if self._states.pop(key, None) is not None:
            self.revision += 1

    def get(self, key: Key) -> SourceState | None:
        return self._states.get(key)
