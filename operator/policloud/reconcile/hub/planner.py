"""Placement in rounds: workloads that ask while a round is being computed are decided together in the next one.

A round sees everything that any open offer keeps, and what earlier rounds placed but the API server does not hold
yet: nothing is placed twice onto the same GPU or watt.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from policloud.domain.placement.model import Assignment, Reservation, Snapshot, UnitView, WorkloadDecision, WorkloadView
from policloud.ports import Clock, Solver


@dataclass(frozen=True, slots=True)
class Decided:
    """One workload's part of a round."""

    decision: WorkloadDecision
    snapshot: str
    at: datetime


@dataclass(slots=True)
class _Request:
    view: WorkloadView
    answer: asyncio.Future[Decided]


class Planner:
    """`units()` builds the units of a snapshot; it must count `pending()` among what is taken.

    What was decided stays reserved until `settle(uid)`: after the plan is written, or given up.
    """

    def __init__(self, clock: Clock, solver: Solver, units: Callable[[], tuple[UnitView, ...]]) -> None:
        self._clock = clock
        self._solver = solver
        self._units = units
        self._waiting: dict[str, _Request] = {}
        self._placing: dict[str, tuple[WorkloadView, tuple[Assignment, ...]]] = {}
        self._round: asyncio.Task[None] | None = None
        self.rounds = 0
        self.seconds = 0.0  # of computing, in all

    async def decide(self, view: WorkloadView) -> Decided:
        """Where the missing replicas of one workload go. One request at a time for each workload."""
        request = _Request(view, asyncio.get_running_loop().create_future())
        self._waiting[view.uid] = request
        if self._round is None or self._round.done():
            self._round = asyncio.create_task(self._rounds())
        return await request.answer

    def settle(self, uid: str) -> None:
        """The placement of this workload is in the API server, or given up."""
        self._placing.pop(uid, None)

    def pending(self) -> Iterable[tuple[str, str, Reservation]]:
        """What was decided and is not settled: (namespace, unit, reservation)."""
        for view, assignments in self._placing.values():
            for a in assignments:
                yield (
                    f"site-{a.site}",
                    a.unit,
                    Reservation(a.products, view.gpus_per_replica, a.replicas, a.max_watts),
                )

    def consider(self, view: WorkloadView) -> Decided:
        """What would be decided for one workload alone, without reserving anything."""
        snapshot = Snapshot(self._clock.now(), self._units(), (view,))
        decision = self._solver.solve(snapshot)
        return Decided(decision.workloads[view.uid], decision.snapshot, snapshot.now)

    async def _rounds(self) -> None:
        while self._waiting:
            await asyncio.sleep(0)  # let everything that is ready to ask do so
            requests, self._waiting = self._waiting, {}
            try:
                self._decide(requests)
            except Exception as error:  # noqa: BLE001 - each asker gets it, none is left waiting
                for request in requests.values():
                    if not request.answer.done():
                        request.answer.set_exception(error)

    def _decide(self, requests: dict[str, _Request]) -> None:
        started = time.perf_counter()
        snapshot = Snapshot(self._clock.now(), self._units(), tuple(r.view for r in requests.values()))
        decision = self._solver.solve(snapshot)
        self.rounds += 1
        self.seconds += time.perf_counter() - started
        for uid, request in requests.items():
            mine = decision.workloads[uid]
            if request.answer.done():
                continue  # its reconcile was cancelled meanwhile
            self._placing[uid] = (request.view, mine.assignments)
            request.answer.set_result(Decided(mine, decision.snapshot, snapshot.now))
