"""The smallest single change that would place what is left of a workload.

A unit that only one thing stands against would take it if that one thing gave way. Equal changes are joined over
units, so that the answer is one line: `allow location ES: hera-1 takes all 4 replicas`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Final, Protocol

from policloud.domain.placement.blockers import RANK, Blocker
from policloud.domain.placement.capacity import Request, Room, UnitCapacity
from policloud.domain.placement.model import UnitView
from policloud.domain.placement.task import Task
from policloud.domain.placement.text import count
from policloud.domain.reasons import Reason

MOST: Final = 5
UNITS_NAMED: Final = 3

_TEXTS: Final[dict[Reason, Callable[[Blocker], str]]] = {
    Reason.LOCATION_NOT_ALLOWED: lambda b: f"allow location {b.measured}",
    Reason.OPERATOR_NOT_ALLOWED: lambda b: f"allow operators under {b.measured}",
    Reason.OWNERSHIP_NOT_ALLOWED: lambda b: f"allow the owners {b.measured}",
    Reason.FOREIGN_SHARE_TOO_LARGE: lambda b: f"raise the limit of {b.required} by {b.margin.lstrip('-')}",
    Reason.EXPOSURE_DENIED: lambda b: f"accept the exposure {b.measured}",
    Reason.CERTIFICATION_MISSING: lambda b: f"do without {b.required}",
    Reason.CERTIFICATION_EXPIRES: lambda b: f"end while it is certified ({b.measured})",
    Reason.DATA_NOT_RESIDENT: lambda b: f"allow data in {b.measured}",
    Reason.ENCRYPTION_MISSING: lambda _: "do without encryption at rest",
    Reason.EGRESS_NOT_ENFORCED: lambda _: "do without the egress rule",
    Reason.FACT_UNKNOWN: lambda b: f"have it attested ({b.measured})",
    Reason.GPU_PRODUCT_MISMATCH: lambda b: f"accept GPUs of {b.measured}",
    Reason.GPU_MEMORY_TOO_SMALL: lambda b: f"ask for {b.measured} of GPU memory",
    Reason.CONFIDENTIAL_NOT_SUPPORTED: lambda _: "do not require confidential GPUs",
    Reason.KIND_NOT_SERVED: lambda _: "install KubeVirt there",
    Reason.LATENCY_TOO_HIGH: lambda b: f"accept {b.measured} instead of {b.required}",
    Reason.STORAGE_MISSING: lambda b: f"ask for at most {b.measured}",
    Reason.PRICE_ABOVE_LIMIT: lambda b: f"accept a price of {b.measured}",
    Reason.CARBON_ABOVE_LIMIT: lambda b: f"accept {b.measured}",
    Reason.DEADLINE_UNREACHABLE: lambda b: f"allow {b.margin.lstrip('-') or 'a later deadline'} more",
    Reason.REFUSED_BY_MANDATE: lambda b: f"have the owner admit it ({b.measured})",
    Reason.REFUSED_BY_SITE: lambda b: f"have the site take it ({b.measured})",
    Reason.INSUFFICIENT_POWER: lambda b: f"{b.margin.lstrip('-')} more for GPUs",
    Reason.SPREAD_LIMIT: lambda b: "allow more than " + b.required.removeprefix("at most "),
}
# These change which GPUs are asked for, so room must be counted with the new demand
_LOOSER_GPUS: Final = frozenset(
    {Reason.GPU_PRODUCT_MISMATCH, Reason.GPU_MEMORY_TOO_SMALL, Reason.CONFIDENTIAL_NOT_SUPPORTED}
)
_NO_ROOM: Final = frozenset({Reason.INSUFFICIENT_GPUS, Reason.INSUFFICIENT_POWER})


class Now(Protocol):
    """What a relaxation may ask about the present moment of a round."""

    def room(self, index: int, request: Request | None = None) -> Room: ...

    def capacity(self, index: int) -> UnitCapacity: ...

    def blockers(self, index: int) -> tuple[Blocker, ...]: ...


@dataclass(slots=True)
class _Option:
    """One change, and the replicas that each unit would take after it."""

    text: str
    rank: int
    shortfall: float
    takes: dict[str, int] = field(default_factory=dict)


def relaxations(task: Task, units: tuple[UnitView, ...], now: Now) -> tuple[str, ...]:
    """At most five lines, those that place most first, then the smallest."""
    options: dict[str, _Option] = {}
    for index, static in task.row.near:
        found = _single(task, units[index], static, index, now)
        if found is not None:
            blocker, text, replicas = found
            option = options.setdefault(text, _Option(text, RANK[blocker.reason], 1.0))
            option.takes[units[index].unit] = replicas
            option.shortfall = min(option.shortfall, 1.0 if blocker.shortfall is None else blocker.shortfall)
    whole = not task.workload.splittable
    lines = [
        (-_placed(task, o, whole=whole), o.shortfall, -o.rank, _line(task, o, whole=whole)) for o in options.values()
    ]
    return tuple(line for placed, _, _, line in sorted(lines) if placed < 0)[:MOST]


def _single(
    task: Task, unit: UnitView, static: Blocker | None, index: int, now: Now
) -> tuple[Blocker, str, int] | None:
    """The one thing that stands against the unit, the change that removes it, and what it would take then."""
    if static is None or static.reason is Reason.NEVER_FITS:
        return _present(task, unit, static, index, now)
    if static.reason in _LOOSER_GPUS:
        return _looser_gpus(task, unit, static, index, now)
    room = now.room(index).replicas
    if room < task.at_once() or now.blockers(index):
        return None
    return _told(static, _fits(task, unit, room, static))


def _present(
    task: Task, unit: UnitView, static: Blocker | None, index: int, now: Now
) -> tuple[Blocker, str, int] | None:
    """What only stands against the unit at this moment, or its size."""
    found = now.blockers(index)
    if static is not None:  # larger than the unit empty, so there is no room either: one and the same thing
        found = (static, *(b for b in found if b.reason not in _NO_ROOM))
    if len(found) != 1:
        return None
    blocker = found[0]
    if blocker.reason is Reason.SPREAD_LIMIT and not task.workload.splittable:
        return None  # whole on one unit: nothing that an edit could change
    if unit.unit in task.workload.refusals and blocker.reason in _NO_ROOM:
        return None  # the site's word: only it knows what would help
    if blocker.reason in {Reason.NEVER_FITS, Reason.INSUFFICIENT_GPUS}:
        return _smaller(task, unit, blocker, index, now)
    room = task.at_once() if blocker.reason is Reason.INSUFFICIENT_POWER else now.room(index).replicas
    return _told(blocker, _fits(task, unit, room, blocker))


def _smaller(task: Task, unit: UnitView, blocker: Blocker, index: int, now: Now) -> tuple[Blocker, str, int] | None:
    """A smaller demand that there is room for: fewer replicas of a gang, else fewer GPUs for each."""
    room = now.room(index).replicas
    if task.at_once() > 1 and room > 0:
        return blocker, f"ask for {count(task.held + room, 'replica')} at once", room
    size = min(now.capacity(index).largest_free(task.row.request), task.workload.gpus_per_replica - 1)
    if size < 1:
        return None
    smaller = replace(task.row.request, gpus_per_replica=size)
    replicas = _fits(task, unit, now.room(index, smaller).replicas, blocker)
    return (blocker, f"ask for {count(size, 'GPU')} per replica", replicas) if replicas >= task.at_once() else None


def _looser_gpus(task: Task, unit: UnitView, blocker: Blocker, index: int, now: Now) -> tuple[Blocker, str, int] | None:
    room = now.room(index, _loosened(task.row.request, blocker.reason)).replicas
    if room < task.at_once() or any(b.reason not in _NO_ROOM for b in now.blockers(index)):
        return None
    return _told(blocker, _fits(task, unit, room, blocker))


@lru_cache(maxsize=1024)
def _loosened(request: Request, reason: Reason) -> Request:
    if reason is Reason.GPU_PRODUCT_MISMATCH:
        return replace(request, products=frozenset())
    if reason is Reason.GPU_MEMORY_TOO_SMALL:
        return replace(request, memory_gib=0)
    return replace(request, confidential=False)


def _told(blocker: Blocker, replicas: int) -> tuple[Blocker, str, int] | None:
    text = _TEXTS.get(blocker.reason)
    return None if text is None or replicas < 1 else (blocker, text(blocker), replicas)


def _fits(task: Task, unit: UnitView, room: int, blocker: Blocker) -> int:
    left = room if blocker.reason is Reason.SPREAD_LIMIT else min(room, task.spread.left(unit))
    return min(left, task.unplaced)


def _placed(task: Task, option: _Option, *, whole: bool) -> int:
    counts = option.takes.values()
    return min(task.unplaced, max(counts) if whole else sum(counts))


def _line(task: Task, option: _Option, *, whole: bool) -> str:
    placed = _placed(task, option, whole=whole)
    best = sorted(option.takes, key=lambda u: (-option.takes[u], u))
    named = ", ".join(best[: 1 if whole else UNITS_NAMED])
    more = len(best) - UNITS_NAMED
    if more > 0 and not whole:
        named += f" and {more} more"
    if placed == task.unplaced:
        amount = f"all {placed} replicas" if placed > 1 else "it"
    else:
        amount = f"{placed} of {task.unplaced} replicas"
    verb = "takes" if whole or len(best) == 1 else "take"
    return f"{option.text}: {named} {verb} {amount}"
