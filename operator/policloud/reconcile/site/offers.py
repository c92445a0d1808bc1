"""One WorkOffer at the site: answered, carried out, followed, ended; each step safe to be the last for a while."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import datetime

from policloud.api.offers import parse_offer
from policloud.api.resources import WORK_OFFER
from policloud.domain.federation.answers import must_answer
from policloud.domain.federation.held import TOMBSTONE, Held, HeldState, epoch_of, expired, identity_of
from policloud.domain.federation.offers import AnswerVerdict, Offer, OfferState
from policloud.domain.federation.view import FINISHED
from policloud.ports import Body
from policloud.reconcile.site.answers import Answerer, landed, lost, settled, shrinks
from policloud.reconcile.site.carryout import CarryOut
from policloud.reconcile.site.federation import HUB_OFFERS, Federation
from policloud.reconcile.site.feedback import Report, ended, report, reported, status_patch
from policloud.reconcile.site.release import ENDED_AT_SITE, Releaser, obeys
from policloud.runtime.outcome import Done, Outcome, RequeueAfter
from policloud.runtime.store import Key

log = logging.getLogger(__name__)
_LOOK_AGAIN = 1.0  # seconds, while what was ended is going away


class OfferReconciler:
    """Key: (namespace on the hub, name). What runs here goes on whether or not the offer can be read."""

    def __init__(self, federation: Federation) -> None:
        self._federation = federation
        self._carry_out = CarryOut(federation.site, federation.journal.namespace)
        self._answerer = Answerer(federation, self._carry_out)
        self._releaser = Releaser(federation, self._carry_out)
        self._mirrored: dict[str, float] = {}

    async def reconcile(self, key: Key) -> Outcome:
        offer = self._seen(key)
        if offer is not None and offer.hub != self._federation.hub_id():
            return Done()
        held = self._record(key, offer)
        if held is not None and held.pledge is not None and offer is not None:
            offer = await self._answerer.fresh(offer)  # what became of the answer is for the hub alone to say
            held = await self._settle(offer, held)
            offer = self._seen(key) if offer is not None else None  # what was sent just now is answered
        if offer is not None and (held is None or held.state is not HeldState.RELEASED):
            offer, held = await self._answer(offer, held)
        if held is None:
            return Done()
        held, wait = await self._go_on(offer, held)
        if offer is not None:
            await self._mirror(key, held)
        return RequeueAfter(wait, "notice") if wait is not None else self._later(held)

    def _seen(self, key: Key) -> Offer | None:
        """The offer as last seen; what our own writes returned counts as seen."""
        body = self._federation.site.store.get(HUB_OFFERS, key)
        return parse_offer(body) if body is not None else None

    def _record(self, key: Key, offer: Offer | None) -> Held | None:
        """The record of this offer; or of the same work under an offer of that name which the hub has lost."""
        journal = self._federation.journal
        if offer is not None and (mine := journal.of(offer.uid)) is not None:
            return mine
        named = [r for r in journal.all() if (r.offer.offer_namespace, r.offer.offer_name) == key]
        if offer is None:
            return next(iter(named), None)
        adoptable = (r for r in named if r.runs and r.offer.workload.uid == offer.workload.uid)
        found = next(adoptable, None)
        if found is not None and offer.unanswered and not offer.release_requested:
            return replace(found, offer=identity_of(offer))
        return None

    async def _settle(self, offer: Offer | None, held: Held) -> Held:
        """An answer was on its way when something broke. Read fresh, it has arrived, was lost, or is sent again."""
        pledge = held.pledge
        if pledge is None or offer is None:
            return held
        if landed(offer, pledge):
            return await self._arrived(offer, held)
        if lost(offer, pledge):
            if shrinks(held):
                await self._carry_out.resize(held, held.grant.replicas)  # less was never agreed on
            return await self._federation.journal.save(settled(held, offer))
        return await self._say(offer, held)

    async def _answer(self, offer: Offer, held: Held | None) -> tuple[Offer, Held | None]:
        records = self._federation.journal.all()
        if held is not None and held.pledge is not None:
            return offer, held
        if not must_answer(offer, held, highest_epoch=epoch_of(records, offer.hub)):
            return offer, held
        held = await self._answerer.pledge(offer, held)
        held = await self._say(offer, held)
        return self._seen(offer.key) or offer, held

    async def _say(self, offer: Offer, held: Held) -> Held:
        """Send the pledge, then do it; but less is run before it is agreed on, lest more runs than the hub keeps."""
        if held.pledge is not None and shrinks(held):
            await self._carry_out.resize(held, held.pledge.grant.replicas)
        return await self._arrived(await self._answerer.send(offer, held), held)

    async def _arrived(self, offer: Offer, held: Held) -> Held:
        """The hub has the answer. A yes becomes local work, unless its end was asked for meanwhile."""
        pledge, journal = held.pledge, self._federation.journal
        if pledge is None:
            return held
        if pledge.verdict is not AnswerVerdict.ACCEPTED:
            return await journal.save(settled(held, offer))
        taken = held.carried_out()
        if offer.withdrawn and not held.runs and not offer.release_requested:
            return held  # cannot be: a withdrawal needs the version before the answer. Start nothing by it
        if offer.release_requested and not held.runs:
            return await journal.save(replace(taken, drain_reason="ReleaseRequested").released(self._now()))
        if not offer.release_requested:
            await self._carry_out.apply(offer, taken)
        return await journal.save(taken)

    async def _go_on(self, offer: Offer | None, held: Held) -> tuple[Held, float | None]:
        """Follow what runs: orders to end it, notices, its own end. Seconds to wait, if for a time."""
        if held.state is HeldState.RELEASED:
            await self._bury(held)
            return held, None
        if not held.runs:
            return await self._close(offer, held), None
        if offer is not None and obeys(offer, held, self._federation.journal.all()):
            held = await self._releaser.begin(offer, held)
        if held.drain_until is not None:
            return await self._drain(held)
        local = self._carry_out.current(held)
        if local is None and await self._carry_out.fresh(held) is None:
            return await self._give_back(held, ENDED_AT_SITE)
        if (why := ended(held, local)) is not None:
            return await self._give_back(held, why)
        return held, None

    async def _bury(self, held: Held) -> None:
        """A tombstone has served after 90 days; the one with the highest counter stays."""
        journal = self._federation.journal
        if held.record in {old.record for old in expired(journal.all(), self._now())}:
            await journal.forget(held)

    async def _close(self, offer: Offer | None, held: Held) -> Held:
        """Nothing runs and nothing is on its way: an offer that is over leaves a tombstone."""
        if held.pledge is not None or offer is None or not (offer.withdrawn or offer.released):
            return held
        return await self._federation.journal.save(held.released(self._now()))

    async def _drain(self, held: Held) -> tuple[Held, float | None]:
        wait = self._releaser.due(held)
        if wait > 0:
            return held, wait
        done = await self._releaser.end(held, held.drain_reason)
        return (held, _LOOK_AGAIN) if done is None else (done, None)

    async def _give_back(self, held: Held, reason: str) -> tuple[Held, float | None]:
        """The site ends it unasked. Stored first, so that it is ended for this reason whatever happens next."""
        held = await self._federation.journal.save(replace(held, drain_until=self._now(), drain_reason=reason))
        await self._mirror((held.offer.offer_namespace, held.offer.offer_name), held)
        return await self._drain(held)

    async def _mirror(self, key: Key, held: Held) -> None:
        """Tell the hub how the work is. Only what changed, and mere usage only every so often."""
        federation = self._federation
        body = federation.site.store.get(HUB_OFFERS, key)
        if body is None or body["metadata"].get("uid") != held.offer.offer_uid:
            return
        if not held.runs and held.state is not HeldState.RELEASED:
            return
        old, wanted = reported(body), self._report(held)
        if old.state is OfferState.RELEASED:
            return
        now = federation.site.clock.monotonic()
        due = now - self._mirrored.get(held.offer.offer_uid, now) >= federation.site.timing.usage
        self._mirrored.setdefault(held.offer.offer_uid, now)
        if old.essence() == wanted.essence() and not (due and old.feedback != wanted.feedback):
            return
        await self._write(body, wanted)
        self._mirrored[held.offer.offer_uid] = now

    def _report(self, held: Held) -> Report:
        if held.state is not HeldState.RELEASED:
            return report(held, self._carry_out.current(held))
        given_back = held.drain_reason and held.drain_reason not in FINISHED and held.drain_reason != "ReleaseRequested"
        until = (held.released_at or self._now()) + self._federation.times.given_back if given_back else None
        return Report(OfferState.RELEASED, held.drain_reason, until=until)

    async def _write(self, body: Body, wanted: Report) -> None:
        federation, meta = self._federation, body["metadata"]
        if wanted.state is OfferState.RELEASED:  # what it did stays as it was last told
            wanted = replace(wanted, feedback={**reported(body).feedback, "readyReplicas": 0})
        status = status_patch(body, wanted, self._now())
        patch = {"metadata": {"resourceVersion": meta["resourceVersion"]}, "status": status}
        await federation.cluster.merge_patch(WORK_OFFER, meta["namespace"], meta["name"], patch, subresource="status")

    def _later(self, held: Held) -> Outcome:
        if held.runs:
            return RequeueAfter(self._federation.site.timing.usage, "usage")
        if held.released_at is not None:
            return RequeueAfter(max(60.0, (held.released_at + TOMBSTONE - self._now()).total_seconds()), "tombstone")
        return Done()

    def _now(self) -> datetime:
        return self._federation.site.clock.now()
