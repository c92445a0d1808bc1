"""One round of the site's planning, as it is being worked out: who holds what where, and why not more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from policloud.domain.reasons import WorkloadReason
from policloud.ports import Body
from policloud.reconcile.site.holdings import Capacity
from policloud.reconcile.site.observed import Observed
from policloud.reconcile.site.placements import Placement, offer_ref, placements
from policloud.reconcile.site.specs import WorkloadSpec, rfc3339
from policloud.runtime.store import Key


@dataclass(frozen=True, slots=True)
class Why:
    """What a workload waits for, or why it is being stopped."""

    reason: WorkloadReason
    message: str


@dataclass(slots=True)
class Entry:
    """One workload in this round. `done`: completions a batch has behind it."""

    spec: WorkloadSpec
    observed: Observed
    placed: dict[str, Placement]  # by unit
    before: tuple[Placement, ...]
    offer_unit: str | None  # the unit that a federated workload is bound to
    why: Why | None = None
    decision: Body | None = None
    snapshot: str = ""

    @property
    def granted(self) -> int:
        """Replicas that run or may run, not counting those on their way out."""
        return sum(p.replicas for p in self.placed.values() if p.state != "Draining")

    @property
    def changed(self) -> bool:
        return tuple(self.placed.values()) != self.before


@dataclass(slots=True)
class Draft:
    now: datetime
    capacity: Capacity
    entries: dict[Key, Entry]
    shut: dict[str, str] = field(default_factory=dict)  # unit -> why nothing is raised there in this round
    wake: float | None = None  # seconds until something is due

    @property
    def stamp(self) -> str:
        return rfc3339(self.now)

    def wake_in(self, seconds: float) -> None:
        seconds = max(0.05, seconds)
        self.wake = seconds if self.wake is None else min(self.wake, seconds)


def entry(spec: WorkloadSpec, observed: Observed) -> Entry:
    before = placements(spec.body)
    ref = offer_ref(spec.body)
    return Entry(spec, observed, {p.unit: p for p in before}, before, ref.unit if ref else None)


def entries(specs: Mapping[Key, tuple[WorkloadSpec, Observed]]) -> dict[Key, Entry]:
    return {key: entry(spec, observed) for key, (spec, observed) in specs.items()}
