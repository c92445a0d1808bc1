"""SovereignWorkload on the hub: its offers kept as the plan says, the missing replicas placed, its status told."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace

from policloud.api.convert import workload_view
from policloud.api.resources import SOVEREIGN_WORKLOAD
from policloud.domain.conditions import Condition
from policloud.domain.federation import verdict
from policloud.domain.federation.actions import RequestRelease
from policloud.domain.federation.content import Wanted, too_large
from policloud.domain.federation.moves import Move, on_suspension
from policloud.domain.federation.offers import CONTENT_MAX_BYTES, OfferState, ReleaseMode
from policloud.domain.federation.plan import housekeeping, place
from policloud.domain.federation.signing import genuine
from policloud.domain.federation.verdict import Waiting
from policloud.domain.federation.view import Times, View, done_before, leaving_units, missing, next_look, placed
from policloud.domain.placement.model import Refusal, WorkloadView
from policloud.ports import Body, Clock, Cluster, NotFoundError, Recorder
from policloud.reconcile.hub.law import unlawful
from policloud.reconcile.hub.offerbook import OfferBook
from policloud.reconcile.hub.planner import Decided, Planner
from policloud.reconcile.hub.refusals import refusals
from policloud.reconcile.hub.sites import Sites, site_of
from policloud.reconcile.hub.waiting import waiting_for
from policloud.reconcile.hub.wanted import is_federated, is_local, wanted_of
from policloud.reconcile.hub.workload_status import compose, news, usage_changed, write
from policloud.reconcile.hub.writer import OfferWriter
from policloud.reconcile.site.decisions import decision_status
from policloud.runtime.outcome import Done, Outcome, RequeueAfter
from policloud.runtime.store import Key, Store

log = logging.getLogger(__name__)
KIND = str(SOVEREIGN_WORKLOAD)
_PASSES = 6


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds. `settle`: how long "offered" may last before it is worth a write of its own."""

    settle: float = 1.0
    replan: float = 300.0
    usage: float = 900.0

    def scaled(self, factor: float) -> Pace:
        return Pace(self.settle, self.replan * factor, self.usage * factor)


@dataclass(slots=True)
class _Memory:
    """What is known of one workload beyond the API server; losing it costs a look, nothing else."""

    decided: Decided | None = None
    offered: float | None = None
    usage_written: float | None = None


async def _nothing() -> None:
    """Nothing to prepare."""


@dataclass(slots=True)
class Hub:
    """What the hub's reconcilers of workloads share."""

    id: str
    cluster: Cluster
    store: Store
    clock: Clock
    sites: Sites
    book: OfferBook
    planner: Planner
    writer: OfferWriter
    recorder: Recorder
    times: Times = field(default_factory=Times)
    pace: Pace = field(default_factory=Pace)
    local_site: bool = False  # a site runs on this cluster too
    adopted: Callable[[Key], Mapping[str, int]] = lambda _: {}  # unit -> replicas held there without an offer
    prepare: Callable[[], Awaitable[None]] = _nothing  # before the first look: the epoch


class WorkloadReconciler:
    """One SovereignWorkload by key, with every offer that was ever made for one of that name."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._memory: dict[str, _Memory] = {}
        self.waiting: set[Key] = set()  # workloads with replicas that have no place: woken when units change

    async def reconcile(self, key: Key) -> Outcome:
        hub = self._hub
        await hub.prepare()
        body = hub.store.get(KIND, key)
        if body is not None and (is_federated(body) or (is_local(body) and hub.local_site)):
            return Done()
        uid = body["metadata"].get("uid") if body is not None else None
        await self._settle_others(key, uid)
        if body is None:
            self.waiting.discard(key)
            return self._later(self._view(None, key, None))
        if is_local(body):
            return await self._say(body, verdict.no_local_site())
        if (size := too_large(wanted_of(body))) and not hub.book.of(key):
            return await self._say(body, verdict.too_large(size, CONTENT_MAX_BYTES))
        return await self._follow(key)

    async def _settle_others(self, key: Key, uid: str | None) -> None:
        """Offers of earlier workloads of that name: no SovereignWorkload of theirs is left."""
        others = {o.workload.uid for o in self._hub.book.of(key) if o.workload.uid != uid}
        for other in sorted(others):
            self._memory.pop(other, None)
            self._hub.planner.settle(other)
            for _ in range(_PASSES):
                actions = housekeeping(self._view(None, key, other))
                if not actions:
                    break
                await self._hub.writer.carry_out(None, None, actions)

    async def _follow(self, key: Key) -> Outcome:
        """Offers first, then what is missing, then the status; each step from what the store holds by then."""
        for _ in range(_PASSES):
            body = self._hub.store.get(KIND, key)
            if body is None:
                return Done()
            view = self._view(body, key, body["metadata"]["uid"])
            if actions := housekeeping(view):
                await self._hub.writer.carry_out(body, view.wanted, actions)
                continue
            if "deletionTimestamp" in body["metadata"]:
                self.waiting.discard(key)
                self._memory.pop(body["metadata"]["uid"], None)
                self._hub.planner.settle(body["metadata"]["uid"])
                return self._later(view)
            if not await self._place(body, view):
                return await self._report(key, body, view)
        return RequeueAfter(1.0, "more to do than one look may")

    async def _place(self, body: Body, view: View) -> bool:
        """Find places for what is missing; True if anything was written."""
        hub, wanted = self._hub, view.wanted
        memory = self._memory.setdefault(body["metadata"]["uid"], _Memory())
        hub.planner.settle(body["metadata"]["uid"])
        if wanted is None or not hub.sites.placing_allowed:
            return False
        lacking = missing(view) - sum(hub.adopted((wanted.ref.namespace, wanted.ref.name)).values())
        if lacking <= 0:
            return await self._move_suspended(body, view)
        # Waiting from before the snapshot is taken: a unit that changes while this is decided wakes it again
        self.waiting.add((wanted.ref.namespace, wanted.ref.name))
        # What the last round placed stays reserved through any failure below, until a later look gets here again
        memory.decided = await hub.planner.decide(self._wish(body, view))
        actions = place(view, memory.decided.decision.assignments, hub.book.next_sequence)
        if actions:
            await hub.writer.carry_out(body, wanted, actions)
            memory.offered = hub.clock.monotonic()
        hub.planner.settle(wanted.ref.uid)
        return bool(actions)

    async def _move_suspended(self, body: Body, view: View) -> bool:
        """Work that a site has suspended is released if it fits elsewhere and may move."""
        hub = self._hub
        resting = [o for o in view.offers if o.state is OfferState.SUSPENDED and o.running and not o.final]
        for offer in resting:
            soon = offer.until is not None and offer.until - view.now <= hub.times.resumes_soon
            if on_suspension(offer, view.site(offer), fits_elsewhere=True, resumes_soon=soon) is not Move.RELEASE:
                continue
            without = replace(view, offers=tuple(o for o in view.offers if o.uid != offer.uid))
            wish = self._wish(body, without, avoid=frozenset({offer.unit}))
            found = hub.planner.consider(wish).decision
            granted = offer.running.grant.replicas if offer.running else 0
            if sum(a.replicas for a in found.assignments) < min(granted, max(1, wish.min_replicas)):
                continue
            why = f"suspended at {offer.unit} ({offer.reason}), and it fits elsewhere"
            await hub.writer.carry_out(body, view.wanted, [RequestRelease(offer, ReleaseMode.STOP, why)])
            return True
        return False

    def _wish(self, body: Body, view: View, *, avoid: frozenset[str] = frozenset()) -> WorkloadView:
        hub, wanted = self._hub, view.wanted
        key = (body["metadata"]["namespace"], body["metadata"]["name"])
        held = dict(placed(view))
        for unit, count in hub.adopted(key).items():
            held.setdefault(unit, count)
        done = done_before(view) if wanted is not None and wanted.class_ == "Batch" else 0
        return workload_view(
            body,
            now=view.now,
            running=held,
            refusals=_refused(view),
            avoid_units=leaving_units(view) | avoid,
            done=done,
        )

    async def _report(self, key: Key, body: Body, view: View) -> Outcome:
        hub = self._hub
        memory = self._memory.setdefault(body["metadata"]["uid"], _Memory())
        lacking = missing(view) > 0
        (self.waiting.add if lacking else self.waiting.discard)(key)
        waiting = self._waiting(view, memory) if lacking else None
        conditions = verdict.conditions(view, waiting)
        if self._premature(conditions[0], memory):
            return RequeueAfter(hub.pace.settle, "the site may answer at once")
        decided = memory.decided
        decision = decision_status(decided.decision, decided.snapshot, decided.at) if decided else None
        await self._tell(body, compose(body, view, conditions, decision=decision, now=view.now), memory)
        return self._later(view, lacking=lacking)

    async def _tell(self, body: Body, status: Mapping[str, object], memory: _Memory) -> None:
        hub, old = self._hub, body.get("status") or {}
        now = hub.clock.monotonic()
        due = memory.usage_written is None or now - memory.usage_written >= hub.pace.usage
        if not news(old, status) and not (due and usage_changed(old, status)):
            return
        try:
            await write(hub.cluster, body, status)
        except NotFoundError:
            return
        memory.usage_written = now
        _announce(hub.recorder, body, status)

    async def _say(self, body: Body, conditions: list[Condition]) -> Outcome:
        """A verdict that needs no offers."""
        view = View(wanted_of(body), (), {}, self._hub.clock.now(), times=self._hub.times)
        status = compose(body, view, conditions, decision=None, now=view.now)
        await self._tell(body, status, _Memory(usage_written=self._hub.clock.monotonic()))
        return Done()

    def _premature(self, ready: Condition, memory: _Memory) -> bool:
        """Whether "offered" was said so recently that the answer may make it old before anybody reads it."""
        if ready.reason != "WaitingForSite" or memory.offered is None:
            return False
        return self._hub.clock.monotonic() - memory.offered < self._hub.pace.settle

    def _waiting(self, view: View, memory: _Memory) -> Waiting | None:
        if memory.decided is None or view.wanted is None:
            return None
        return waiting_for(memory.decided.decision, memory.decided.at)

    def _later(self, view: View, *, lacking: bool = False) -> Outcome:
        """When time alone may change something."""
        hub = self._hub
        waits = [hub.sites.next_change()] if not hub.sites.placing_allowed and lacking else []
        if lacking:
            waits.append(hub.pace.replan)
            waits += [(r.until - view.now).total_seconds() for r in _refused(view).values() if r.until is not None]
        elif view.wanted is not None and any(o.running for o in view.offers):
            waits.append(hub.pace.usage)
        if (at := next_look(view)) is not None:
            waits.append((at - view.now).total_seconds())
        return RequeueAfter(max(0.05, min(waits)), "time") if waits else Done()

    def _view(self, body: Body | None, key: Key, uid: str | None) -> View:
        hub = self._hub
        offers = tuple(o for o in hub.book.of(key) if uid is None or o.workload.uid == uid)
        wanted: Wanted | None = wanted_of(body) if body is not None else None
        spaces = {o.namespace for o in offers} | {p.namespace for p in (wanted.planned if wanted else ())}
        sites = {n: hub.sites.state(site_of(n) or "") for n in spaces}
        now = hub.clock.now()
        return View(
            wanted=wanted,
            offers=offers,
            sites=sites,
            now=now,
            unlawful=unlawful(hub.store, body, offers, now) if body is not None else {},
            forged=frozenset(o.uid for o in offers if not genuine(o, sites[o.namespace].public_key or None)),
            newest=hub.book.newest(spaces),
            times=hub.times,
        )


def _refused(view: View) -> dict[str, Refusal]:
    """What the planner leaves out, and when time alone lets it in again."""
    return refusals(view.offers, now=view.now, ask_again=view.times.ask_again)


def _announce(recorder: Recorder, body: Body, status: Mapping[str, object]) -> None:
    """An Event where the reason of Ready changes."""
    from policloud.domain.conditions import find  # noqa: PLC0415

    old = find((body.get("status") or {}).get("conditions") or (), "Ready")
    new = find(status["conditions"], "Ready")  # type: ignore[arg-type]
    if new is None or (old is not None and (old.status, old.reason) == (new.status, new.reason)):
        return
    recorder.event(body, type_="Normal" if new.is_true else "Warning", reason=new.reason, message=new.message)
