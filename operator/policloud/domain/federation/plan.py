"""What the hub does next for one workload: everything that needs no placement, and then what a placement means.

Pure and level-triggered: the same view gives the same actions, and a view in which they were done gives none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from policloud.domain.federation.actions import (
    Action,
    Blank,
    CreateOffer,
    Delete,
    DropFinalizer,
    RequestRelease,
    Resequence,
    Withdraw,
    WritePlan,
)
from policloud.domain.federation.content import Planned, Wanted, revision_for
from policloud.domain.federation.moves import Move, on_loss, still_counts
from policloud.domain.federation.offers import AnswerVerdict, Demand, Offer, OfferState, ReleaseMode, offer_name
from policloud.domain.federation.view import View, done_before, missing, runs, share
from policloud.domain.placement.model import Assignment


def housekeeping(view: View) -> list[Action]:
    """All that is due before anything new is placed, in order."""
    if view.wanted is None:
        return [*_after_the_workload(view), *_deletions(view)]
    if view.wanted.deleting:
        return _ending(view, view.wanted)
    actions: list[Action] = [*_missing(view, view.wanted)]
    for offer in view.offers:
        actions += _one(view, view.wanted, offer)
    touched = {a.offer.uid for a in actions if isinstance(a, Resequence | Withdraw | RequestRelease)}
    actions += _scale_down(view, view.wanted, touched)
    return actions or [*_deletions(view)]


def place(view: View, assignments: Iterable[Assignment], next_sequence: Callable[[str], int]) -> list[Action]:
    """Turn a placement into writes. `next_sequence`: a site's next number, by namespace.

    A unit that has an open offer is asked under it; the plan with the new names comes before they are created.
    """
    wanted = view.wanted
    if wanted is None or wanted.deleting:
        return []
    by_unit = {o.unit: o for o in view.offers if not o.final}
    new: list[Planned] = []
    asked: list[Action] = []
    for a in assignments:
        old = by_unit.get(a.unit)
        if old is not None:
            if not (old.leaving or old.withdrawn or old.uid in view.forged):
                asked.append(Resequence(old, _more(wanted, old, a)))
            continue
        namespace = f"site-{a.site}"
        sequence = next_sequence(namespace)
        name = offer_name(wanted.ref, a.unit, sequence)
        done = done_before(view) if wanted.class_ == "Batch" else 0
        new.append(Planned(namespace, name, a.unit, sequence, _demand(wanted, a), done))
    if not new:
        return asked
    plan = WritePlan((*_kept(view, wanted), *new))
    return [plan, *(CreateOffer(p) for p in new), *asked]


def _missing(view: View, wanted: Wanted) -> list[Action]:
    """Planned offers that were never created: created now, withdrawn if they are no longer wanted."""
    there = {o.key for o in view.offers}
    room = missing(view)
    actions: list[Action] = []
    for p in wanted.planned:
        if (p.namespace, p.name) in there:
            continue
        site = view.sites.get(p.namespace)
        wished = 0 < p.demand.replicas <= room and p.unit not in view.unlawful and site is not None
        welcome = wished and site is not None and site.offers_allowed
        room = (0 if wanted.whole else room - p.demand.replicas) if welcome else room
        actions.append(CreateOffer(p, withdrawn=not welcome))
    return actions


def _one(view: View, wanted: Wanted, offer: Offer) -> list[Action]:
    """What is due for one offer of a workload that is there to stay."""
    if view.site(offer).revoked:
        return _revoked(offer)
    if offer.final or offer.release_requested or offer.uid in view.forged:
        return []
    if must := _must_leave(view, offer):
        return [must]
    if offer.state is OfferState.DRAINING or offer.withdrawn:
        return []
    if offer.unanswered:
        return _unanswered(view, wanted, offer)
    return _declined(view, wanted, offer) if offer.dormant else _settled(view, wanted, offer)


def _must_leave(view: View, offer: Offer) -> Action | None:
    if offer.unit in view.unlawful:
        return _end(offer, ReleaseMode.DRAIN, view.unlawful[offer.unit])
    if offer.running and on_loss(offer, view.site(offer)) is Move.REPLACE:
        return RequestRelease(offer, ReleaseMode.DRAIN, "its site is lost, and it may move")
    return None


def _unanswered(view: View, wanted: Wanted, offer: Offer) -> list[Action]:
    current = revision_for(wanted, offer.demand, completed_before=offer.completed_before)
    if offer.answer_by and offer.answer_by <= view.now:
        if offer.running is None:
            return [Withdraw(offer, "no answer in time")]
        if offer.running.grant.replicas < offer.demand.replicas:
            # The larger share did not come: what runs goes on, and the rest is free to be placed elsewhere
            return [Resequence(offer, offer.demand.scaled(offer.running.grant.replicas))]
        return []
    return [] if current == offer.revision else [Resequence(offer, offer.demand)]


def _declined(view: View, wanted: Wanted, offer: Offer) -> list[Action]:
    """A no, and nothing runs. A counter-offer is taken if it still helps; else the offer waits or is put away."""
    need = missing(view)
    if counter := _counter(offer, wanted, need):
        return [Resequence(offer, counter, taking=True)]
    return [] if need else [Withdraw(offer, "placed elsewhere")]


def _settled(view: View, wanted: Wanted, offer: Offer) -> list[Action]:
    """Something runs, and the site has spoken on what was asked last."""
    running, answer = offer.running, offer.answer
    if running is None or answer is None:
        return []
    accepted = answer.verdict is AnswerVerdict.ACCEPTED
    if counter := _counter(offer, wanted, missing(view)):
        return [Resequence(offer, counter, taking=True)]
    demand = offer.demand.scaled(running.grant.replicas)
    if wanted.whole and accepted and _rescaled(wanted, offer):
        demand = offer.demand.scaled(wanted.replicas)
    current = revision_for(wanted, demand, completed_before=offer.completed_before)
    if current == running.revision:
        return []
    refused = not accepted and current == offer.revision
    if refused and (answer.until is None or answer.until > view.now):
        return []
    return [Resequence(offer, demand)]


def _rescaled(wanted: Wanted, offer: Offer) -> bool:
    """Whether the tenant changed the size of a whole workload since it was asked (a counter-offer is no change)."""
    asked = offer.asked_replicas if offer.asked_replicas is not None else offer.demand.replicas
    return asked != wanted.replicas


def _counter(offer: Offer, wanted: Wanted, need: int) -> Demand | None:
    """The demand by which a counter-offer is taken; None if there is none or it is of no use."""
    answer = offer.answer
    if answer is None or answer.verdict is not AnswerVerdict.COUNTERED or wanted.gang:
        return None
    running = offer.running.grant.replicas if offer.running else 0
    replicas = min(answer.grant.replicas, running + need)
    if replicas <= running or replicas >= offer.demand.replicas:
        return None
    granted = offer.demand.scaled(replicas)
    if replicas == answer.grant.replicas:
        granted = Demand(
            replicas,
            answer.grant.gpus,
            granted.products,
            granted.memory_gib,
            granted.gang,
            min(granted.typical_watts, answer.grant.watts),
            answer.grant.watts,
        )
    return granted


def _scale_down(view: View, wanted: Wanted, touched: set[str]) -> list[Action]:
    """Fewer are wanted than stand: the least certain places give first, the longest running last."""
    if wanted.whole:
        return []
    staying = [o for o in view.offers if not o.leaving and still_counts(o, view.site(o))]
    excess = sum(max(share(o), runs(o)) for o in staying) - wanted.replicas
    actions: list[Action] = []
    able = [o for o in staying if share(o) and not o.withdrawn and o.uid not in touched]
    for offer in sorted((o for o in able if o.uid not in view.forged), key=_certainty):
        if excess <= 0:
            break
        held = max(share(offer), runs(offer))
        left = max(0, held - excess)
        excess -= held - left
        if left:
            if share(offer) != left or not offer.unanswered:
                actions.append(Resequence(offer, offer.demand.scaled(left)))
        else:
            actions.append(_end(offer, ReleaseMode.DRAIN, "fewer replicas are wanted"))
    return actions


def _certainty(offer: Offer) -> tuple[int, int, str]:
    order = {OfferState.SUSPENDED: 1, OfferState.PENDING: 2}
    return (0 if offer.running is None else order.get(offer.state, 3), -offer.sequence, offer.name)


def _end(offer: Offer, mode: ReleaseMode, why: str) -> Action:
    return RequestRelease(offer, mode, why) if offer.running else Withdraw(offer, why)


def _revoked(offer: Offer) -> list[Action]:
    actions: list[Action] = []
    if not offer.final and not offer.withdrawn and offer.running is None:
        actions.append(Withdraw(offer, "the site's membership was revoked"))
    if offer.content:
        actions.append(Blank(offer))
    return actions


def _ending(view: View, wanted: Wanted) -> list[Action]:
    """The workload is being deleted: end everything, then let it go without waiting for any site."""
    there = {o.key for o in view.offers}
    actions: list[Action] = [
        CreateOffer(p, withdrawn=True) for p in wanted.planned if (p.namespace, p.name) not in there
    ]
    for offer in view.offers:
        if offer.final or offer.release_requested or (offer.withdrawn and offer.running is None):
            continue
        actions.append(_end(offer, ReleaseMode.STOP, "the workload was deleted"))
    if wanted.finalizer:
        actions.append(DropFinalizer())
    return actions


def _after_the_workload(view: View) -> list[Action]:
    """No SovereignWorkload: what runs is shown as orphaned, never ended; unanswered offers end by their own time."""
    actions: list[Action] = []
    for offer in view.offers:
        if view.site(offer).revoked:
            actions += _revoked(offer)
        elif offer.unanswered and offer.running is None and offer.answer_by and offer.answer_by <= view.now:
            actions.append(Withdraw(offer, "no answer in time, and its workload is not there"))
    return actions


def _deletable(view: View, offer: Offer) -> bool:
    """Released ones go with their workload; never accepted ones an hour after they were withdrawn.

    The one with its site's highest sequence stays, else a clean-up would look like a restored hub.
    """
    if not offer.final or offer.uid in view.newest:
        return False
    if offer.released:
        return view.wanted is None
    at = offer.withdrawn_at
    unasked = offer.answer is None or offer.answer.until is None or offer.answer.until <= view.now
    return unasked and at is not None and at + view.times.keep_withdrawn <= view.now


def _deletions(view: View) -> list[Action]:
    """The name leaves the plan first: a name in the plan without an offer would be created again."""
    going = [o for o in view.offers if _deletable(view, o)]
    if not going:
        return []
    gone = {o.key for o in going}
    actions: list[Action] = []
    if view.wanted is not None and any((p.namespace, p.name) in gone for p in view.wanted.planned):
        actions.append(WritePlan(tuple(p for p in view.wanted.planned if (p.namespace, p.name) not in gone)))
    return [*actions, *(Delete(o) for o in going)]


def _kept(view: View, wanted: Wanted) -> tuple[Planned, ...]:
    gone = {o.key for o in view.offers if _deletable(view, o)}
    return tuple(p for p in wanted.planned if (p.namespace, p.name) not in gone)


def _demand(wanted: Wanted, a: Assignment) -> Demand:
    gpu = wanted.spec.get("gpu") or {}
    memory = int(gpu.get("memoryGiB") or 0)
    return Demand(a.replicas, a.gpus, a.products, memory, wanted.gang, a.typical_watts, a.max_watts)


def _more(wanted: Wanted, offer: Offer, a: Assignment) -> Demand:
    """What is asked of a unit that has some already (or said no before): its share and the new replicas."""
    new, held = _demand(wanted, a), max(share(offer), runs(offer))
    if held == 0:
        return new
    old = offer.demand.scaled(held)
    return Demand(
        held + new.replicas,
        old.gpus + new.gpus,
        tuple(sorted({*old.products, *new.products})),
        new.memory_gib,
        new.gang,
        old.typical_watts + new.typical_watts,
        old.max_watts + new.max_watts,
    )
