"""Hard rules that do not change during a round: law, machine, the tenant's own limits, units that are closed.

Evaluated on classes, not pair by pair: workloads with equal demands share one row of verdicts, laws share their
evaluation (law.py), and a check that a class does not need is not made at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial

from policloud.domain.placement import limits, machine
from policloud.domain.placement.blockers import Blocker, as_verdict
from policloud.domain.placement.capacity import Request
from policloud.domain.placement.law import Laws
from policloud.domain.placement.model import UnitVerdict, UnitView, WorkloadView

Check = Callable[[UnitView], Blocker | None]


@dataclass(frozen=True, slots=True)
class Row:
    """One class of workloads against every unit: blockers in order of precedence and verdict, both by index.

    `open`: the units that nothing stands against; their verdict is made in the round, here it is None.
    """

    request: Request
    blockers: tuple[tuple[Blocker, ...], ...]
    verdicts: tuple[UnitVerdict | None, ...]
    open: tuple[int, ...]


class Filter:
    """The rows of one snapshot."""

    def __init__(self, units: Sequence[UnitView], now: datetime, rates: Mapping[str, Decimal]) -> None:
        self._units = units
        self._now = now
        self._rates = rates
        self._laws = Laws(units, now.date())
        self._rows: dict[tuple[object, ...], Row] = {}
        self._gpus = machine.KindsOfGPU(units)
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
        wrong_gpus = self._gpus.judge(request)
        checks = self._checks(workload, request)
        blockers: list[tuple[Blocker, ...]] = []
        verdicts: list[UnitVerdict | None] = []
        for index, unit in enumerate(self._units):
            found = law.blockers[index]
            if wrong := wrong_gpus[index]:
                found = (*found, wrong)
            for check in checks:
                if blocker := check(unit):
                    found = (*found, blocker)
            if unit.closed is not None:
                found = (*found, Blocker(unit.closed, unit.closed_detail or "closed", "open for new work"))
            blockers.append(found)
            if law.blockers[index]:
                verdicts.append(law.verdict(index))
            else:
                verdicts.append(as_verdict(unit, found[0]) if found else None)
        open_ = tuple(index for index, verdict in enumerate(verdicts) if verdict is None)
        return Row(request, tuple(blockers), tuple(verdicts), open_)

    def _checks(self, w: WorkloadView, request: Request) -> list[Check]:
        """The checks that the class needs beyond law and kind of GPU, in the order of Reason."""
        checks: list[Check] = []
        if w.kind == "VirtualMachine":
            checks.append(machine.virtual_machines)
        if request.gpus_per_replica > 0:
            checks.append(partial(machine.too_large, machine.whole_on_one_unit(w), request, self._empty))
        if w.latency_regions:
            checks.append(partial(limits.latency, w.latency_regions, w.latency_max_ms))
        if w.storage_gib > 0:
            checks.append(partial(machine.storage, w.storage_gib, w.rules.encrypted_at_rest))
        if w.max_price_per_gpu_hour is not None:
            checks.append(partial(limits.price, w.max_price_per_gpu_hour, w.budget_currency, request, self._rates))
        if w.max_grams_per_kwh is not None:
            checks.append(partial(limits.carbon, w.max_grams_per_kwh))
        if w.deadline is not None:
            checks.append(partial(limits.deadline, w, request, self._now, self._empty))
        return checks


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
        workload.storage_gib,
        machine.whole_on_one_unit(workload),
        workload.latency_regions,
        workload.latency_max_ms,
        workload.max_price_per_gpu_hour,
        workload.budget_currency,
        workload.max_grams_per_kwh,
        (workload.deadline, workload.estimated_gpu_hours, workload.replicas) if workload.deadline else None,
    )
