"""How many watts a unit may still hand to GPUs, with hosts and everything else at their worst.

Integers in watts. Rounding is always down for what may be used and up for what is used, so that no sum of parts
exceeds its whole.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Claim:
    """One unit's claim on its sources: `percents` names them, None where no share is written."""

    unit: str
    limit_watts: int
    percents: Mapping[str, Decimal | None]


def split(available: Mapping[str, int], claims: Sequence[Claim]) -> dict[str, dict[str, int]]:
    """Watts by unit, then by source. Written shares first; the rest of a source goes to the others by their limits.

    Written shares above 100 % together are scaled down. Whatever is put in: Σ over units of a source <= the source.
    A source that is not in `available` gives nothing.
    """
    shares: dict[str, dict[str, int]] = {c.unit: dict.fromkeys(c.percents, 0) for c in claims}
    for source, watts in available.items():
        users = [c for c in claims if source in c.percents]
        for unit, part in _split_one(max(0, watts), source, users).items():
            shares[unit][source] = part
    return shares


def _split_one(watts: int, source: str, users: Sequence[Claim]) -> dict[str, int]:
    written = {c.unit: p for c in users if (p := c.percents[source]) is not None}
    total = sum(written.values(), Decimal(0))
    scale = Decimal(100) / total if total > 100 else Decimal(1)  # noqa: PLR2004 - percent
    parts = {unit: _floor(Decimal(watts) * percent * scale / 100) for unit, percent in written.items()}
    left = watts - sum(parts.values())
    if left < 0:  # the last digit of a scaled share may round up inside Decimal: take it back where it is largest
        parts[max(parts, key=lambda u: (parts[u], u))] += left
        left = 0
    others = [c for c in users if c.unit not in written]
    if total < 100 and others:  # noqa: PLR2004 - percent
        weight = sum(max(0, c.limit_watts) for c in others)
        parts |= {c.unit: left * max(0, c.limit_watts) // weight if weight else 0 for c in others}
    else:
        parts |= {c.unit: 0 for c in others}
    return parts


@dataclass(frozen=True, slots=True)
class PoolDraw:
    """One pool: nodes that are there (ready or not: who knows what a silent node draws) and GPUs in use."""

    nodes: int
    host_max_watts: int
    gpus_in_use: int
    gpu_max_watts: int

    @property
    def hosts_watts(self) -> int:
        return self.nodes * self.host_max_watts

    @property
    def gpu_watts(self) -> int:
        return self.gpus_in_use * self.gpu_max_watts


@dataclass(frozen=True, slots=True)
class UnitPower:
    """What a unit is built for and what it draws at worst."""

    limit_watts: int
    source_watts: int  # Σ of its shares of its sources
    margin_percent: Decimal
    other_max_watts: int = 0
    cooling_watts: int = 0  # fixed + fans at full speed
    pools: tuple[PoolDraw, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Headroom:
    """`available` is the budget B; base + GPUs in use = used; free = what new GPUs may take; short = used above B."""

    available: int
    base: int
    used: int

    @property
    def free(self) -> int:
        return max(0, self.available - self.used)

    @property
    def short(self) -> int:
        return max(0, self.used - self.available)

    @property
    def for_gpus(self) -> int:
        """What all GPUs together may draw."""
        return max(0, self.available - self.base)


def headroom(power: UnitPower) -> Headroom:
    """B = min(limit, Σ shares) × (1 − margin), against hosts, cooling and the rest at their maximum."""
    budget = with_margin(min(power.limit_watts, power.source_watts), power.margin_percent)
    base = power.other_max_watts + power.cooling_watts + sum(p.hosts_watts for p in power.pools)
    return Headroom(budget, base, base + sum(p.gpu_watts for p in power.pools))


def with_margin(watts: int, percent: Decimal) -> int:
    """Watts less the margin, rounded down, never below 0."""
    return max(0, _floor(Decimal(watts) * (100 - percent) / 100))


def full_watts(limit_watts: int, margin_percent: Decimal, power: UnitPower) -> int:
    """What GPUs could draw with full sources: the measure of `NeverFits`."""
    base = power.other_max_watts + power.cooling_watts + sum(p.hosts_watts for p in power.pools)
    return max(0, with_margin(limit_watts, margin_percent) - base)


@dataclass(frozen=True, slots=True)
class NodeDraw:
    """A node on a branch at its worst."""

    name: str
    host_watts: int
    gpu_watts: int  # all its GPUs at maximum


def closed_nodes(limit_watts: int, margin_percent: Decimal, nodes: Iterable[NodeDraw]) -> frozenset[str]:
    """Nodes of a branch that must take no work, because the branch could not carry all of them at full draw.

    Pods land on any node the scheduler likes, so the only safe rule without a governor is that the open nodes fit
    together at their worst. By name, so that the same nodes stay open. Hosts count on every node, open or closed.
    """
    ordered = sorted(nodes, key=lambda n: n.name)
    room = with_margin(limit_watts, margin_percent) - sum(n.host_watts for n in ordered)
    closed: set[str] = set()
    for node in ordered:
        if node.gpu_watts <= room:
            room -= node.gpu_watts
        else:
            closed.add(node.name)
    return frozenset(closed)


def _floor(value: Decimal) -> int:
    return math.floor(value)
