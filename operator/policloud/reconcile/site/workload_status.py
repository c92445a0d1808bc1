"""The one place where the status of a SovereignWorkload is composed and written, whoever found the news."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from policloud.api import names
from policloud.api.resources import SOVEREIGN_WORKLOAD
from policloud.domain.conditions import Condition, find, merge
from policloud.domain.reasons import WorkloadReason
from policloud.ports import Body
from policloud.reconcile.base import needs_write
from policloud.reconcile.site import decisions
from policloud.reconcile.site.children import selector
from policloud.reconcile.site.context import Site
from policloud.reconcile.site.holdings import UnitState
from policloud.reconcile.site.objects import status_body
from policloud.reconcile.site.observed import Observed, observe
from policloud.reconcile.site.placements import DRAINING, PENDING, RUNNING, SUSPENDED, Placement, placements
from policloud.reconcile.site.specs import BATCH, WorkloadSpec, rfc3339, workload_spec
from policloud.reconcile.site.text import watts_text
from policloud.reconcile.site.unit_status import energy
from policloud.reconcile.site.usage import Rate, Tally
from policloud.reconcile.site.workload_conditions import workload_conditions
from policloud.runtime.store import Key

_KIND = str(SOVEREIGN_WORKLOAD)


@dataclass(frozen=True, slots=True)
class Stall:
    """A user error that only an edit mends."""

    reason: WorkloadReason
    message: str


class StatusWriter:
    """Composes status from the last one, from children and from what is passed; writes it if it says anything new.

    Every write carries the resourceVersion that it was composed from: ConflictError means compose again.
    """

    def __init__(self, site: Site) -> None:
        self._site = site
        self._verdicts: dict[str, Condition] = {}
        self._stalls: dict[str, tuple[int, Stall | None]] = {}
        self._tallies: dict[str, Tally] = {}
        # Planner and workload reconciler write the same object: one after the other, each on what the other stored.
        self._locks: dict[Key, asyncio.Lock] = {}

    def stall(self, workload: WorkloadSpec, stall: Stall | None) -> None:
        """Remember that this generation is (not) stalled."""
        self._stalls[workload.uid] = (workload.generation, stall)

    def forget(self, key: Key, uid: str) -> None:
        self._locks.pop(key, None)
        for memory in (self._verdicts, self._stalls, self._tallies):
            memory.pop(uid, None)

    async def write(
        self,
        key: Key,
        *,
        placed: Sequence[Placement] | None = None,
        verdict: Condition | None = None,
        decision: Body | None = None,
        units: Mapping[str, UnitState] | None = None,
    ) -> Body | None:
        """The body as it is now; None if the object is gone. `placed` None: as the last status says."""
        async with self._locks.setdefault(key, asyncio.Lock()):
            return await self._write(key, placed, verdict, decision, units or self._site.capacity.read().units)

    async def _write(
        self,
        key: Key,
        placed: Sequence[Placement] | None,
        verdict: Condition | None,
        decision: Body | None,
        units: Mapping[str, UnitState],
    ) -> Body | None:
        body = self._site.store.get(_KIND, key)
        if body is None:
            return None
        workload = workload_spec(body)
        if verdict is not None:
            self._verdicts[workload.uid] = verdict
        status = self._compose(workload, placed if placed is not None else placements(body), decision, units)
        wanted = status_body(SOVEREIGN_WORKLOAD, body, status)
        if not _news(body, wanted) and not self._usage_due(workload, body, status):
            return body
        wanted["metadata"]["resourceVersion"] = body["metadata"]["resourceVersion"]
        stored = await self._site.cluster.apply_status(SOVEREIGN_WORKLOAD, wanted, manager=names.SITE_MANAGER)
        self._tallies[workload.uid].written = self._site.clock.now()
        self._tell(body, status)
        return stored

    def _compose(
        self,
        workload: WorkloadSpec,
        placed: Sequence[Placement],
        decision: Body | None,
        units: Mapping[str, UnitState],
    ) -> Body:
        site, old = self._site, workload.body.get("status") or {}
        observed = observe(site.store, workload)
        if observed.completed or observed.failed is not None:
            placed = ()
        now = rfc3339(site.clock.now())
        live = [_refresh(p, workload, observed, units.get(p.unit), now) for p in placed]
        verdict = self._verdict(workload, old)
        stall = self._stall(workload, old)
        conditions = workload_conditions(workload, live, observed, verdict, stall)
        granted, ready = sum(p.replicas for p in live), sum(p.ready for p in live)
        watts = sum(p.watts for p in live)
        status: Body = {
            "observedGeneration": workload.generation,
            "conditions": merge(old.get("conditions") or (), conditions, generation=workload.generation, now=now),
            "replicas": granted,
            "readyReplicas": ready,
            "selector": ",".join(f"{k}={v}" for k, v in selector(workload).items()),
            "watts": watts,
            "placements": [p.body() for p in live],
            "summary": {
                "replicas": f"{ready}/{workload.replicas}",
                "units": ",".join(p.unit for p in live if p.replicas)[:128],
                "power": watts_text(watts),
            },
        }
        if workload.kind == BATCH and observed.batch is not None:
            counts = observed.batch
            status["batch"] = {"succeeded": counts.succeeded, "failed": counts.failed, "active": counts.active}
        said = old.get("decision")
        if decision is not None and not decisions.same(said, decision):
            said = decision
        if said is not None:
            status["decision"] = said
        if usage := self._usage(workload, live, units):
            status["usage"] = usage
        return status

    def _verdict(self, workload: WorkloadSpec, old: Body) -> Condition:
        """What the planner said last; after a restart, what the status says it said."""
        known = self._verdicts.get(workload.uid)
        if known is not None:
            return known
        conditions = old.get("conditions") or ()
        said, ready = find(conditions, "Placed"), find(conditions, "Ready")
        if said is None or said.status == "Unknown":
            return Condition("Placed", "Unknown", str(WorkloadReason.PENDING_EVALUATION), "not evaluated yet")
        if said.reason == "PartlyPlaced" and ready is not None and not ready.is_true:
            return replace(said, reason=ready.reason, message=ready.message)
        return said

    def _stall(self, workload: WorkloadSpec, old: Body) -> Stall | None:
        known = self._stalls.get(workload.uid)
        if known is not None and known[0] == workload.generation:
            return known[1]
        said = find(old.get("conditions") or (), "Stalled")
        if said is None or not said.is_true or old.get("observedGeneration") != workload.generation:
            return None
        try:
            return Stall(WorkloadReason(said.reason), said.message)
        except ValueError:
            return None

    def _usage(self, workload: WorkloadSpec, live: Sequence[Placement], units: Mapping[str, UnitState]) -> Body:
        old = workload.body.get("status") or {}
        tally = self._tallies.setdefault(workload.uid, Tally.from_status(old.get("usage")))
        tally.advance(self._site.clock.now(), self._rate(workload, live, units))
        return tally.status() or old.get("usage") or {}

    def _rate(self, workload: WorkloadSpec, live: Sequence[Placement], units: Mapping[str, UnitState]) -> Rate:
        gpus = watts = 0
        grams, price, currency = Decimal(0), Decimal(0), None
        for p in live:
            state = units.get(p.unit)
            if state is None or not p.ready:
                continue
            sources = [(s, self._site.capacity.source(state.spec, s)) for s in state.spec.sources]
            block = energy(state, sources, {})
            mine = p.ready * workload.gpus_per_replica * state.watts_per_gpu(workload)
            gpus += p.ready * workload.gpus_per_replica
            watts += mine
            grams += mine * Decimal(block.get("gramsPerKWh", 0))
            price += mine * Decimal(block.get("pricePerKWh", "0"))
            currency = currency or (block.get("currency") if "pricePerKWh" in block else None)
        if not watts:
            return Rate(gpus)
        return Rate(gpus, watts, grams / watts, price / watts if currency else None, currency)

    def _usage_due(self, workload: WorkloadSpec, body: Body, status: Body) -> bool:
        """Usage alone is worth a write every so often."""
        if status.get("usage", {}) == (body.get("status") or {}).get("usage", {}):
            return False
        tally = self._tallies[workload.uid]
        if tally.written is None:
            tally.written = self._site.clock.now()
            return False
        return (self._site.clock.now() - tally.written).total_seconds() >= self._site.timing.usage

    def _tell(self, before: Body, status: Body) -> None:
        """An Event when the reason of Ready changes."""
        old = find((before.get("status") or {}).get("conditions") or (), "Ready")
        new = find(status["conditions"], "Ready")
        if new is None or (old is not None and (old.status, old.reason) == (new.status, new.reason)):
            return
        bad = new.reason in {"LawBroken", "TemplateRefused", "TemplateConflict", "Failed", "WaitingForEnergy"}
        message = new.message or f"{status['summary']['replicas']} replicas ready"
        self._site.recorder.event(before, type_="Warning" if bad else "Normal", reason=new.reason, message=message)


def _news(body: Body, wanted: Body) -> bool:
    """Whether anything but usage is different."""
    status = {k: v for k, v in wanted["status"].items() if k != "usage"}
    if (usage := (body.get("status") or {}).get("usage")) is not None:
        status["usage"] = usage
    return needs_write(body, {**wanted, "status": status}, manager=names.SITE_MANAGER, subresource="status")


def _refresh(
    placement: Placement, workload: WorkloadSpec, observed: Observed, unit: UnitState | None, now: str
) -> Placement:
    """The placement as it is now; `since` moves with the state."""
    ready = min(observed.ready.get(placement.unit, 0), placement.replicas)
    watts = placement.replicas * workload.gpus_per_replica * (unit.watts_per_gpu(workload) if unit else 0)
    running = RUNNING if ready else PENDING
    state = placement.state if placement.state in {SUSPENDED, DRAINING} else running
    since = placement.since if state == placement.state and placement.since else now
    return replace(placement, ready=ready, watts=watts, state=state, since=since)
