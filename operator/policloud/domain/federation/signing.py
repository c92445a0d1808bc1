"""What a site signs with an answer. The key itself is the adapters' business."""

from __future__ import annotations

from dataclasses import dataclass

from policloud.domain.federation.canonical import canonical
from policloud.domain.federation.offers import Answer, AnswerVerdict, Grant, Offer

PREFIX = b"policloud.io/answer/v1\n"


@dataclass(frozen=True, slots=True)
class Statement:
    """The words under the signature: enough that no answer can be replayed for another offer or sequence."""

    hub: str
    offer_uid: str
    workload_uid: str
    sequence: int
    revision: str
    epoch: int
    counter: int
    verdict: AnswerVerdict
    grant: Grant
    acceptance: str  # empty unless Accepted


def payload(statement: Statement) -> bytes:
    """The bytes to sign: a prefix of their own, so that a signature made for anything else never fits."""
    return PREFIX + canonical(
        {
            "hub": statement.hub,
            "offer": statement.offer_uid,
            "workload": statement.workload_uid,
            "observedSequence": statement.sequence,
            "revision": statement.revision,
            "epoch": statement.epoch,
            "counter": statement.counter,
            "verdict": str(statement.verdict),
            "grant": {
                "replicas": statement.grant.replicas,
                "gpus": statement.grant.gpus,
                "watts": statement.grant.watts,
            },
            "acceptance": statement.acceptance,
        }
    )


def statement_of(offer: Offer, answer: Answer) -> Statement:
    """The statement that the answer standing in the offer's status must be a signature of.

    The revision is known only for the sequence asked now: an answer to an older one cannot be checked any more and
    was checked when it was current.
    """
    accepted = answer.verdict is AnswerVerdict.ACCEPTED and offer.running is not None
    return Statement(
        hub=offer.hub,
        offer_uid=offer.uid,
        workload_uid=offer.workload.uid,
        sequence=answer.sequence,
        revision=offer.revision,
        epoch=offer.observed_epoch,
        counter=offer.counter,
        verdict=answer.verdict,
        grant=answer.grant,
        acceptance=offer.running.acceptance if accepted and offer.running else "",
    )
