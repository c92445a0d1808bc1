"""A first solver: greedy, deterministic, never over capacity or power.

1. Filter: every workload against every unit, on classes (filter.py).
2. Minima: by priority, and within one the workload with the fewest units open to it first. A gang is placed whole
   or not at all. Minima of all priorities come before extras of any: a service above its minimum yields to one
   that has nothing yet.
3. Extras: the rest, in the same order.
Units are taken by cost (price.py); where a workload runs already is cheaper by the cost of starting elsewhere, and
running replicas are never moved. What is placed is deducted at once, so no two workloads get the same GPU or watt.

Preemption and re-optimisation belong to a later solver behind the same port, `ports.Solver`.
"""

from __future__ import annotations

import heapq

from policloud.domain.placement.blockers import Blocker, as_verdict, first
from policloud.domain.placement.canonical import digest, ordered
from policloud.domain.placement.capacity import Request, Room, UnitCapacity
from policloud.domain.placement.filter import Filter
from policloud.domain.placement.model import (
    Decision,
    Snapshot,
    UnitVerdict,
    WorkloadDecision,
)
from policloud.domain.placement.price import Pricing
from policloud.domain.placement.relax import relaxations
from policloud.domain.placement.spread import SpreadState
from policloud.domain.placement.task import Task, blockers_now, no_room_together
from policloud.domain.reasons import Verdict


class GreedySolver:
    """Implements ports.Solver."""

    def solve(self, snapshot: Snapshot) -> Decision:
        """Where the missing replicas of each workload go, and a verdict of every unit for each."""
        return _Round(ordered(snapshot)).run(digest(snapshot))


class _Round:
    """The mutable state of one decision: free capacity, and a task for each workload."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.now = snapshot.now
        self.units = snapshot.units
        self.capacity = [UnitCapacity.of(u) for u in self.units]
        self.pricing = Pricing(self.units, snapshot.rates)
        self._rooms: dict[Request, dict[int, tuple[int, Room]]] = {}
        rows = Filter(self.units, self.now, snapshot.rates)
        tasks = (
            Task(w, rows.row(w), SpreadState(self.units, w.spread_over, w.spread_max_per_domain, w.running))
            for w in snapshot.workloads
        )
        self.tasks = sorted(
            tasks, key=lambda t: (-t.workload.priority, len(t.row.open), t.workload.created, t.workload.uid)
        )

    def run(self, digest_: str) -> Decision:
        for task in self.tasks:
            self._place(task, task.minimum_left)
        decisions = {}
        for task in self.tasks:
            if not task.workload.gang:
                self._place(task, task.unplaced)
            decisions[task.workload.uid] = self._decide(task)
        return Decision(digest_, decisions)

    # Placing

    def _place(self, task: Task, replicas: int) -> None:
        if replicas == 0:
            return
        candidates = self._candidates(task)
        if not task.workload.splittable:
            self._place_whole(task, candidates, replicas)
        elif task.spread.even:
            self._commit(task, self._plan_evenly(task, candidates, replicas), replicas)
        else:
            self._commit(task, self._plan_cheapest(task, candidates, replicas), replicas)

    def _candidates(self, task: Task) -> list[int]:
        """Units that take a step of the workload now, cheapest first."""
        fitting = [index for index in task.row.open if self._takes(task, index)]
        return sorted(fitting, key=lambda i: (self.cost(task, i), i))

    def _takes(self, task: Task, index: int) -> bool:
        """Whether nothing stands against a step of the workload there: the short form of `blockers`."""
        need = task.at_once()
        if self.room(task.row.request, index).replicas < need:
            return False
        unit = self.units[index]
        return task.spread.left(unit) >= need and task.home(unit, index) and not task.asked_not_to(unit, self.now)

    def _place_whole(self, task: Task, candidates: list[int], replicas: int) -> None:
        """On one unit: that which takes most of what is wanted; of equals the cheapest."""

        def most(index: int) -> int:
            return min(self._fits(task, task.spread, index), task.unplaced)

        if candidates:
            best = min(candidates, key=lambda i: (-most(i), self.cost(task, i), i))
            self._take(task, best, min(replicas, most(best)))

    def _plan_cheapest(self, task: Task, candidates: list[int], replicas: int) -> dict[int, int]:
        plan: dict[int, int] = {}
        spread = task.spread.copy()
        left = replicas
        for index in candidates:
            number = min(left, self._fits(task, spread, index))
            if number:
                plan[index] = number
                spread.add(self.units[index], number)
                left -= number
            if left == 0:
                break
        return plan

    def _plan_evenly(self, task: Task, candidates: list[int], replicas: int) -> dict[int, int]:
        """One by one to the domain with the fewest; of equals the cheapest."""
        plan: dict[int, int] = {}
        spread = task.spread.copy()
        left = replicas
        heap = [(spread.load(self.units[i]), self.cost(task, i), i) for i in candidates]
        heapq.heapify(heap)
        while heap and left:
            load, cost, index = heapq.heappop(heap)
            now = spread.load(self.units[index])
            if now > load:  # a unit of the same domain has got one meanwhile
                heapq.heappush(heap, (now, cost, index))
            elif self._fits(task, spread, index) > plan.get(index, 0):
                plan[index] = plan.get(index, 0) + 1
                spread.add(self.units[index], 1)
                left -= 1
                heapq.heappush(heap, (now + 1, cost, index))
        return plan

    def _fits(self, task: Task, spread: SpreadState, index: int) -> int:
        """Replicas that the unit and its domain still take."""
        return min(self.room(task.row.request, index).replicas, spread.left(self.units[index]))

    def _commit(self, task: Task, plan: dict[int, int], replicas: int) -> None:
        if task.workload.gang and sum(plan.values()) < replicas:
            return
        for index, number in plan.items():
            self._take(task, index, number)

    def _take(self, task: Task, index: int, replicas: int) -> None:
        taken = self.capacity[index].take(task.row.request, replicas)
        task.take(index, taken)
        task.spread.add(self.units[index], replicas)

    # Explaining

    def _decide(self, task: Task) -> WorkloadDecision:
        verdicts = self._verdicts(task)
        return WorkloadDecision(
            uid=task.workload.uid,
            assignments=task.assignments(self.units),
            unplaced=task.unplaced,
            verdicts=verdicts,
            relaxations=relaxations(task, self.units, _Now(self, task)) if task.unplaced else (),
        )

    def _verdicts(self, task: Task) -> tuple[UnitVerdict, ...]:
        verdicts = list(task.row.verdicts)
        for index in task.row.open:
            verdicts[index] = self._verdict(task, index)
        return tuple(v for v in verdicts if v is not None)

    def _verdict(self, task: Task, index: int) -> UnitVerdict:
        unit = self.units[index]
        if task.unplaced == 0 and (index in task.taken or task.workload.running.get(unit.unit)):
            return self._fitting(task, index)
        found = self.blockers(task, index)
        if found:
            return as_verdict(unit, first(found))
        if task.unplaced and task.workload.gang:
            fitting = sum(self._plan_cheapest(task, self._candidates(task), task.unplaced).values())
            return as_verdict(unit, no_room_together(task, fitting))
        return self._fitting(task, index)

    def blockers(self, task: Task, index: int) -> tuple[Blocker, ...]:
        """What stands against one more step of the workload there at this moment."""
        known = task.blockers.get(index)
        if known is None and self._takes(task, index):
            known = task.blockers[index] = ()
        elif known is None:
            room = self.room(task.row.request, index)
            found = blockers_now(task, self.units[index], index, capacity=self.capacity[index], room=room, now=self.now)
            known = task.blockers[index] = tuple(found)
        return known

    def _fitting(self, task: Task, index: int) -> UnitVerdict:
        unit = self.units[index]
        return UnitVerdict(unit.site, unit.unit, Verdict.FITS, score=self.cost(task, index))

    # Lookups

    def cost(self, task: Task, index: int) -> float:
        """Euros per GPU-hour of one more replica of the workload there."""
        known = task.costs.get(index)
        if known is None:
            known = task.costs[index] = self.pricing.cost(task.workload, task.row.request, index)
        return known

    def room(self, request: Request, index: int) -> Room:
        """Room of the unit now; remembered until something is taken from it."""
        known = self._rooms.get(request)
        if known is None:
            known = self._rooms[request] = {}
        capacity = self.capacity[index]
        entry = known.get(index)
        if entry is None or entry[0] != capacity.version:
            entry = known[index] = (capacity.version, capacity.room(request))
        return entry[1]


class _Now:
    """One workload's view of the round, for relaxations."""

    def __init__(self, round_: _Round, task: Task) -> None:
        self._round = round_
        self._task = task

    def room(self, index: int, request: Request | None = None) -> Room:
        return self._round.room(request or self._task.row.request, index)

    def capacity(self, index: int) -> UnitCapacity:
        return self._round.capacity[index]

    def blockers(self, index: int) -> tuple[Blocker, ...]:
        return self._round.blockers(self._task, index)
