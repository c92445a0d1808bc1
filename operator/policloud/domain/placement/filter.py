"""Hard rules that do not change during a round: law, machine, the tenant's own limits, units that are closed.

Evaluated on classes, not pair by pair: workloads with equal demands share one row of verdicts, laws share their
evaluation (law.py), and a check that a class does not need is not made at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cached_property, partial

from policloud.domain.placement import limits, machine
from policloud.domain.placement.blockers import Blocker, as_verdict
from policloud.domain.placement.capacity import Request
from policloud.domain.placement.law import LawRow, Laws
from policloud.domain.placement.model import UnitVerdict, UnitView, WorkloadView

Check = Callable[[UnitView], Blocker | None]


class Row:
    """One class of workloads against every unit, by index of the unit.

    `verdicts`: the first thing that stands against a unit, in the order of Reason. `open`: the units that nothing
    stands against; their verdict is made in the round, here it is None.
    """

    def __init__(self, request: Request, units: Sequence[UnitView], law: LawRow, checks: Sequence[Check]) -> None:
        self.request = request
        self._units = units
        self._law = law
        self._checks = checks
        verdicts: list[UnitVerdict | None] = []
        for index, unit in enumerate(units):
            if law.blockers[index]:
                verdicts.append(law.verdict(index))
                continue
            for check in checks:
                if blocker := check(unit):
                    verdicts.append(as_verdict(unit, blocker))
                    break
            else:
                verdicts.append(None)
        self.verdicts = tuple(verdicts)
        self.open = tuple(index for index, verdict in enumerate(verdicts) if verdict is None)

    @cached_property
    def near(self) -> tuple[tuple[int, Blocker | None], ...]:
        """The units that nothing or one thing alone stands against, with that thing."""
        found = ((index, self._at_most_two(index)) for index in range(len(self._units)))
        return tuple((index, next(iter(few), None)) for index, few in found if len(few) <= 1)

    def _at_most_two(self, index: int) -> list[Blocker]:
        few = list(self._law.blockers[index])
        for check in self._checks:
            if len(few) > 1:
                break
            if blocker := check(self._units[index]):
                few.append(blocker)
        return few


class Filter:
    """The rows of one snapshot."""

    def __init__(self, units: Sequence[UnitView], now: datetime, rates: Mapping[str, Decimal]) -> None:
        self._units = units
        self._now = now
        self._rates = rates
        self._laws = Laws(units, now.date())
        self._rows: dict[tuple[object, ...], Row] = {}
        self._gpus = machine.KindsOfGPU()
        self._empty = machine.EmptyRooms()

    def row(self, workload: WorkloadView) -> Row:
        """The row of the workload's class."""
        key = _class_of(workload)
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = self._compute(workload)
        return row

    def _compute(self, workload: WorkloadView) -> Row:
        law = self._laws.row(workload.rules, workload.runs_until.date() if workload.runs_until else None)
        request = Request.of(workload)
        return Row(request, self._units, law, self._checks(workload, request))

    def _checks(self, w: WorkloadView, request: Request) -> list[Check]:
        """The checks that the class needs beyond the law, in the order of Reason."""
        checks: list[Check] = []
        if request.gpus_per_replica > 0:
            checks.append(self._gpus.check(request))
        if w.kind == "VirtualMachine":
            checks.append(machine.virtual_machines)
        if request.gpus_per_replica > 0:
            checks.append(partial(machine.too_large, machine.whole_on_one_unit(w), request, self._empty))
        if w.latency_regions:
            checks.append(partial(limits.latency, w.latency_regions, w.latency_max_ms))
        if w.storage_gib > 0:
            checks.append(partial(machine.storage, w))
        if w.max_price_per_gpu_hour is not None:
            checks.append(partial(limits.price, w.max_price_per_gpu_hour, w.budget_currency, request, self._rates))
        if w.max_grams_per_kwh is not None:
            checks.append(partial(limits.carbon, w.max_grams_per_kwh))
        if w.unmeasured_limits:
            checks.append(partial(limits.unmeasured, w.unmeasured_limits))
        if w.deadline is not None:
            checks.append(limits.deadline(w, request, self._now, self._empty))
        checks.append(_closed)
        return checks


def _closed(unit: UnitView) -> Blocker | None:
    if unit.closed is None:
        return None
    return Blocker(unit.closed, unit.closed_detail or "closed", "open for new work")


def _class_of(workload: WorkloadView) -> tuple[object, ...]:
    """Everything that a row depends on; equal keys, equal rows."""
    return (
        workload.rules,
        workload.runs_until.date() if workload.runs_until else None,
        workload.kind,
        workload.gpus_per_replica,
        workload.products,
        workload.memory_gib,
        workload.confidential_required,
        (workload.storage_gib, workload.encrypted_storage_gib, tuple(sorted(workload.storage_by_class_gib.items()))),
        machine.whole_on_one_unit(workload),
        workload.latency_regions,
        workload.latency_max_ms,
        workload.max_price_per_gpu_hour,
        workload.budget_currency,
        workload.max_grams_per_kwh,
        workload.unmeasured_limits,
        (workload.deadline, workload.estimated_gpu_hours, workload.replicas) if workload.deadline else None,
    )
