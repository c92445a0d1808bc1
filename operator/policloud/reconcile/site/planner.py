"""The site's one planner: law, then shedding, then placing, for all workloads together, under the decision lock.

Its only output is `status.placements` (with the reason and the decision) of the workloads that change; what runs is
made to follow by the workload reconciler. A round may stop after any write: the next begins from what was stored.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from policloud.domain.conditions import Condition
from policloud.domain.reasons import WorkloadReason
from policloud.ports import ApiError, NotFoundError, RejectedError, Solver
from policloud.reconcile.base import outcome_of
from policloud.reconcile.site.context import Site
from policloud.reconcile.site.draft import Draft, Entry, Why, entry
from policloud.reconcile.site.law import Law
from policloud.reconcile.site.local_placement import LocalPlacement, wanted
from policloud.reconcile.site.observed import observe
from policloud.reconcile.site.placements import DRAINING, PENDING, Placement
from policloud.reconcile.site.shedding import shed
from policloud.reconcile.site.specs import WorkloadSpec
from policloud.reconcile.site.workload_status import StatusWriter
from policloud.runtime.outcome import Outcome, RequeueAfter
from policloud.runtime.store import Key

log = logging.getLogger(__name__)
PLAN_KEY: Key = ("", "plan")


class Planner:
    """Reconciles the single key PLAN_KEY. `admitted`: the template has passed its dry run."""

    def __init__(
        self,
        site: Site,
        solver: Solver,
        writer: StatusWriter,
        *,
        admitted: Callable[[WorkloadSpec], bool],
    ) -> None:
        self._site = site
        self._writer = writer
        self._admitted = admitted
        self._law = Law(site.timing.drain_notice)
        self._placement = LocalPlacement(site, solver, self._law, lambda e: admitted(e.spec))
        self._short_at: dict[str, float] = {}

    async def reconcile(self, _key: Key) -> Outcome:
        async with self._site.lock:
            draft = self._plan()
            errors = await self._write(draft)
        if errors:
            return outcome_of(min(errors, key=lambda e: isinstance(e, RejectedError)))
        return RequeueAfter(min(draft.wake or self._site.timing.reevaluate, self._site.timing.reevaluate), "due")

    def _plan(self) -> Draft:
        site = self._site
        specs = [w for w in site.capacity.workloads() if not w.deleting]
        draft = Draft(site.clock.now(), site.capacity.read(), {w.key: entry(w, observe(site.store, w)) for w in specs})
        self._law.apply(draft)
        for e in draft.entries.values():
            _shrink(e, draft.stamp)
            self._adopt(draft, e)
        now = site.clock.monotonic()
        for name in shed(draft):
            self._short_at[name] = now
            draft.shut[name] = "short of power or GPUs a moment ago"
            draft.wake_in(0.1)
        self._placement.place(draft, {u: now - at for u, at in self._short_at.items()})
        return draft

    def _adopt(self, draft: Draft, e: Entry) -> None:
        """Federated work that was accepted and has no place yet: the record of its offer reserves the capacity."""
        if e.offer_unit is None or e.placed or not wanted(e) or not self._admitted(e.spec):
            return
        state = draft.capacity.units.get(e.offer_unit)
        if state is None:
            e.why = Why(WorkloadReason.DRAINING, f"unit {e.offer_unit or '(unknown)'} is not a unit of this site")
        elif state.power is not None and self._law.leaving(e.spec, state.spec, draft.now) is None:
            e.placed[state.name] = Placement(self._site.name, state.name, wanted(e), PENDING, since=draft.stamp)

    async def _write(self, draft: Draft) -> list[ApiError]:
        """Writes what changed, workload by workload; one that cannot be written does not stop the others."""
        errors: list[ApiError] = []
        units = draft.capacity.units
        for key, e in draft.entries.items():
            if not self._admitted(e.spec) and not e.before:
                continue  # nothing to say before its template is judged
            try:
                await self._writer.write(
                    key,
                    placed=tuple(e.placed.values()),
                    verdict=placed_condition(e),
                    decision=e.decision,
                    units=units,
                )
            except NotFoundError:
                continue
            except ApiError as error:
                log.info("cannot write the placement of %s/%s: %s", *key, error.message)
                errors.append(error)
        return errors


def _shrink(e: Entry, now: str) -> None:
    """No more than is asked for: the last placed goes first. What is over keeps nothing."""
    surplus = e.granted - wanted(e)
    for unit, placement in reversed([*e.placed.items()]):
        if surplus <= 0:
            break
        if placement.state == DRAINING:
            continue
        cut = min(surplus, placement.replicas)
        surplus -= cut
        e.placed[unit] = placement.to(placement.replicas - cut, placement.state, now)
    if not wanted(e):
        e.placed = {u: p for u, p in e.placed.items() if p.state == DRAINING and p.replicas}
    elif e.offer_unit is None:
        e.placed = {u: p for u, p in e.placed.items() if p.replicas or p.state == "Suspended"}


def placed_condition(e: Entry) -> Condition:
    """Whether every replica asked for has a place; else what it waits for."""
    asked = wanted(e)
    if e.observed.completed:
        return Condition("Placed", "True", "Completed", "")
    if e.observed.failed is not None:
        return Condition("Placed", "False", "Failed", e.observed.failed)
    draining = any(p.state == DRAINING for p in e.placed.values())
    if draining and e.why is not None:
        return Condition("Placed", "True" if e.granted >= asked else "False", str(e.why.reason), e.why.message)
    if e.granted >= asked:
        return Condition("Placed", "True", "Placed", "")
    why = e.why or Why(WorkloadReason.PENDING_EVALUATION, "")
    return Condition("Placed", "True" if e.granted else "False", str(why.reason), why.message)
