"""One workload while a round places it: what it still wants, what it has got, and why units say no right now."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from policloud.domain.placement.blockers import Blocker
from policloud.domain.placement.capacity import Room, Taken, UnitCapacity
from policloud.domain.placement.filter import Row
from policloud.domain.placement.model import Assignment, UnitView, WorkloadView
from policloud.domain.placement.spread import SpreadState
from policloud.domain.placement.text import count
from policloud.domain.reasons import Reason

SITE_REASONS: Final = frozenset(
    {Reason.REFUSED_BY_MANDATE, Reason.REFUSED_BY_SITE, Reason.INSUFFICIENT_GPUS, Reason.INSUFFICIENT_POWER}
)
MANDATE_WORD: Final = "mandate"
TYPICAL_SHARE: Final = 0.8  # of rated draw, over the life of a replica (assumption; measured curves replace it)


class Task:
    """Mutable state of one workload in one round."""

    def __init__(self, workload: WorkloadView, row: Row, spread: SpreadState) -> None:
        self.workload = workload
        self.row = row
        self.spread = spread
        self.held = sum(workload.running.values())
        self.wanted = max(0, workload.replicas - self.held)
        self.placed = 0
        self.unplaced = self.wanted
        self.taken: dict[int, list[Taken]] = {}
        self.blockers: dict[int, tuple[Blocker, ...]] = {}  # at the moment of explaining, by index of unit
        self.costs: dict[int, float] = {}  # euros per GPU-hour by index of unit

    def take(self, index: int, taken: Taken) -> None:
        """Count what was put on the unit of that index."""
        self.taken.setdefault(index, []).append(taken)
        self.placed += taken.replicas
        self.unplaced -= taken.replicas

    @property
    def minimum_left(self) -> int:
        """Replicas that are missing to the fewest that are of use; with a gang that is all."""
        fewest = self.workload.replicas if self.workload.gang else self.workload.min_replicas
        return max(0, min(self.unplaced, fewest - self.held - self.placed))

    def at_once(self) -> int:
        """Replicas that one unit must take for the next step to make sense."""
        return max(1, self.unplaced) if self.workload.gang and not self.workload.splittable else 1

    def home(self, unit: UnitView, index: int) -> bool:
        """Whether the workload may have (more) replicas there: one that is not splittable stays where it is."""
        workload = self.workload
        if workload.splittable or (self.held == 0 and not self.taken):
            return True
        return workload.running.get(unit.unit, 0) > 0 or index in self.taken

    def asked_not_to(self, unit: UnitView, now: datetime) -> bool:
        """Whether the unit has refused, for now, or is being left."""
        if not self.workload.refusals and not self.workload.avoid_units:
            return False
        refusal = self.workload.refusals.get(unit.unit)
        refused = refusal is not None and (refusal.until is None or refusal.until > now)
        return refused or unit.unit in self.workload.avoid_units

    def assignments(self, units: tuple[UnitView, ...]) -> tuple[Assignment, ...]:
        """What was taken, by unit."""
        return tuple(_assignment(units[index], parts) for index, parts in sorted(self.taken.items()))


def blockers_now(
    task: Task, unit: UnitView, index: int, *, capacity: UnitCapacity, room: Room, now: datetime
) -> Iterator[Blocker]:
    """What stands against one more step of the workload on that unit at this moment of the round."""
    yield from _refusal(task, unit, now)
    need = task.at_once()
    size = task.row.request.gpus_per_replica
    if room.by_gpus < need:
        yield _no_gpus(task, capacity, need, size, room)
    elif room.replicas < need:
        yield _no_power(task, unit, capacity, need, size)
    left = task.spread.left(unit)
    if left < need:
        measured = f"{count(task.spread.load(unit), 'replica')} there"
        yield Blocker(Reason.SPREAD_LIMIT, measured, task.spread.limit_text)
    elif not task.home(unit, index):
        yield Blocker(Reason.SPREAD_LIMIT, "it is on another unit", "whole on one unit")
    if unit.unit in task.workload.avoid_units:
        yield Blocker(Reason.PENDING_EVALUATION, "its release there is under way", "released")


def _refusal(task: Task, unit: UnitView, now: datetime) -> Iterator[Blocker]:
    refusal = task.workload.refusals.get(unit.unit)
    if refusal is not None and (refusal.until is None or refusal.until > now):
        reason, said = _reason_of(refusal.reason)
        yield Blocker(reason, said, "accepted by the site", earliest=refusal.until)


def _reason_of(text: str) -> tuple[Reason, str]:
    """A site's `Reason: message`, if the reason is one that passes; else its no is shown as it came."""
    word, _, rest = text.partition(": ")
    if word in SITE_REASONS:
        return Reason(word), rest or text
    return (
        Reason.REFUSED_BY_MANDATE if MANDATE_WORD in text.lower() else Reason.REFUSED_BY_SITE
    ), text or "no reason given"


def _no_gpus(task: Task, capacity: UnitCapacity, need: int, size: int, room: Room) -> Blocker:
    free = capacity.free_gpus(task.row.request)
    if need == 1 and free >= size:
        have = capacity.largest_free(task.row.request)
        measured = f"{count(free, 'GPU')} free, {have} on one node"
        return Blocker(
            Reason.INSUFFICIENT_GPUS,
            measured,
            f"{count(size, 'GPU')} on one node",
            "-" + count(size - have, "GPU"),
            shortfall=(size - have) / size,
        )
    have = min(free, room.by_gpus * size) if need > 1 else free
    required = need * size
    return Blocker(
        Reason.INSUFFICIENT_GPUS,
        f"{count(have, 'GPU')} free",
        count(required, "GPU"),
        "-" + count(required - have, "GPU"),
        shortfall=(required - have) / required,
    )


def _no_power(task: Task, unit: UnitView, capacity: UnitCapacity, need: int, size: int) -> Blocker:
    draw = min(p.watts_per_gpu for p in capacity.pools if task.row.request.accepts(p))
    required = need * size * draw
    short = max(1, required - capacity.free_watts)
    return Blocker(
        Reason.INSUFFICIENT_POWER,
        f"{capacity.free_watts} W",
        f"{required} W",
        f"-{short} W",
        earliest=unit.power_back_at,
        shortfall=short / max(1, required),
    )


def no_room_together(task: Task, fitting: int) -> Blocker:
    """For a gang over several units: each has some room, all of them not enough."""
    missing = task.unplaced - fitting
    return Blocker(
        Reason.INSUFFICIENT_GPUS,
        f"room for {count(fitting, 'replica')} on all units",
        f"{task.unplaced} at once",
        "-" + count(missing, "replica"),
        shortfall=missing / max(1, task.unplaced),
    )


def _assignment(unit: UnitView, parts: list[Taken]) -> Assignment:
    gpus: dict[str, int] = {}
    products: list[str] = []
    for pool, number in (pair for part in parts for pair in part.gpus_by_pool):
        gpus[pool.name] = gpus.get(pool.name, 0) + number
        if pool.product not in products:
            products.append(pool.product)
    most = sum(p.watts for p in parts)
    return Assignment(
        site=unit.site,
        unit=unit.unit,
        replicas=sum(p.replicas for p in parts),
        gpus=sum(gpus.values()),
        typical_watts=round(most * TYPICAL_SHARE),
        max_watts=most,
        products=tuple(products),
        gpus_by_pool=tuple(gpus.items()),
    )
