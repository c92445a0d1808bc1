"""One answer: decided and stored under the site's lock, then sent under the offer's resourceVersion.

The order is the protocol: first our own API server has counter, sequence and acceptance; then the hub; only what
the hub has acknowledged is carried out. Whatever is interrupted is found again as a pledge in the record.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Any

from policloud.api.offers import format_time, parse_offer
from policloud.api.resources import WORK_OFFER
from policloud.domain.federation.answers import Decided, decide, refuse_template, scales_down
from policloud.domain.federation.held import Held, HeldState, Pledge, counter_of, identity_of
from policloud.domain.federation.offers import AnswerVerdict, Offer
from policloud.domain.federation.signing import Statement
from policloud.ports import ConflictError, NotFoundError
from policloud.reconcile.site.assess import assess, dry_run
from policloud.reconcile.site.carryout import CarryOut
from policloud.reconcile.site.federation import HUB_OFFERS, Federation

log = logging.getLogger(__name__)
_YES = frozenset({AnswerVerdict.ACCEPTED, AnswerVerdict.COUNTERED})


class Answerer:
    """All methods raise ApiError."""

    def __init__(self, federation: Federation, carry_out: CarryOut) -> None:
        self._federation = federation
        self._carry_out = carry_out

    async def pledge(self, offer: Offer, held: Held | None) -> Held:
        """Decide and store; the record that comes back holds the pledge to send.

        ConflictError if one is stored already: it may be on its way to the hub, and is replaced only once it has
        landed or is lost. Of two answers to one sequence the wrong one could be carried out.
        """
        federation = self._federation
        refused = await self._try_template(offer, held)
        async with federation.site.lock:
            records = federation.journal.all()
            held = next((r for r in records if r.offer.offer_uid == offer.uid), held)
            if held is not None and held.pledge is not None:
                raise ConflictError(f"offer {offer.name}: an answer was stored already, and is seen only now")
            decided = self._decide(offer, held, records)
            if decided.verdict in _YES and refused is not None:
                decided = refused
            record = held or Held(identity_of(offer), HeldState.ANSWERING, offer.epoch)
            counter = counter_of(records, offer.hub) + 1
            accepted = decided.verdict is AnswerVerdict.ACCEPTED
            pledge = Pledge(
                sequence=offer.sequence,
                revision=offer.revision,
                epoch=offer.epoch,
                counter=counter,
                verdict=decided.verdict,
                grant=decided.grant,
                acceptance=federation.acceptance() if accepted else "",
                reason=decided.reason,
                message=decided.message,
                until=decided.until,
                mandate=decided.mandate,
            )
            return await federation.journal.save(record.answering(pledge))

    async def send(self, offer: Offer, held: Held) -> Offer:
        """Write the pledge into the offer's status; the offer as the hub has it then. ConflictError: it moved on."""
        if held.pledge is None:
            return offer
        status = self._status(offer, held, held.pledge)
        patch = {"metadata": {"resourceVersion": offer.resource_version}, "status": status}
        body = await self._federation.cluster.merge_patch(
            WORK_OFFER, offer.namespace, offer.name, patch, subresource="status"
        )
        log.info("offer %s, sequence %d: %s %s", offer.name, offer.sequence, held.pledge.verdict, held.pledge.reason)
        return parse_offer(body)

    async def fresh(self, offer: Offer) -> Offer | None:
        """The offer as the hub has it now; None if the hub says that there is none (which orders nothing)."""
        try:
            body = await self._federation.cluster.get(WORK_OFFER, offer.namespace, offer.name)
        except NotFoundError:
            return None
        self._federation.site.store.upsert(HUB_OFFERS, body)
        return parse_offer(body)

    def _decide(self, offer: Offer, held: Held | None, records: list[Held]) -> Decided:
        federation = self._federation
        now, times = federation.site.clock.now(), federation.times
        return decide(offer, held, assess(federation, offer, held, records), now=now, times=times)

    async def _try_template(self, offer: Offer, held: Held | None) -> Decided | None:
        """The dry run, if the rest would be accepted (looked at again under the lock, when it counts)."""
        federation = self._federation
        likely = self._decide(offer, held, federation.journal.all())
        same = held is not None and held.runs and scales_down(offer, held) and held.revision == offer.revision
        if likely.verdict not in _YES or same:
            return None
        await self._carry_out.prepare(offer.hub, offer.workload.namespace)
        refused = await dry_run(federation, offer)
        if refused is None:
            return None
        return refuse_template(*refused, now=federation.site.clock.now(), times=federation.times)

    def _status(self, offer: Offer, held: Held, pledge: Pledge) -> dict[str, Any]:
        accepted = pledge.verdict is AnswerVerdict.ACCEPTED
        grant = pledge.grant
        statement = Statement(
            hub=offer.hub,
            offer_uid=offer.uid,
            workload_uid=offer.workload.uid,
            sequence=pledge.sequence,
            revision=pledge.revision,
            epoch=pledge.epoch,
            counter=pledge.counter,
            verdict=pledge.verdict,
            grant=grant,
            acceptance=pledge.acceptance,
        )
        numbers = {"replicas": grant.replicas, "gpus": grant.gpus, "watts": grant.watts}
        says = pledge.verdict in _YES
        status: dict[str, Any] = {
            "observedEpoch": pledge.epoch,
            "observedSequence": pledge.sequence,
            "counter": pledge.counter,
            # A merge patch: what this answer does not say must not be left over from the one before
            "answer": {
                "verdict": str(pledge.verdict),
                "reason": pledge.reason or None,
                "message": pledge.message or None,
                **(numbers if says else dict.fromkeys(numbers, None)),
                "until": format_time(pledge.until) if pledge.until else None,
                "acceptance": pledge.acceptance or None,
                "signature": self._federation.sign(statement),
            },
        }
        if accepted:
            status["running"] = {
                "sequence": pledge.sequence,
                "revision": pledge.revision,
                "acceptance": pledge.acceptance,
                **numbers,
            }
            if not held.runs:
                status["state"] = "Pending"
        return status


def landed(offer: Offer, pledge: Pledge) -> bool:
    """Whether the hub has exactly this answer."""
    if offer.answer is None or offer.answer.sequence != pledge.sequence or offer.counter != pledge.counter:
        return False
    if pledge.verdict is not AnswerVerdict.ACCEPTED:
        return True
    return offer.running is not None and offer.running.acceptance == pledge.acceptance


def lost(offer: Offer, pledge: Pledge) -> bool:
    """Whether it can never arrive any more: its sequence was superseded or ended without it."""
    return not landed(offer, pledge) and (
        offer.sequence != pledge.sequence
        or offer.withdrawn
        or offer.release_requested
        or offer.released
        or offer.answered
    )


def settled(held: Held, offer: Offer) -> Held:
    """The record without its pledge, after a no arrived or an answer was lost. Nothing runs by it."""
    return replace(held.declined(), epoch=max(held.epoch, offer.epoch))


def shrinks(held: Held) -> bool:
    """Whether the pledge is a yes to fewer replicas than run."""
    pledge = held.pledge
    if pledge is None or not held.runs or pledge.verdict is not AnswerVerdict.ACCEPTED:
        return False
    return pledge.grant.replicas < held.grant.replicas
