"""What a site signs with an answer: the words, as bytes. Keys and signatures are in `keys`."""

from __future__ import annotations

from dataclasses import dataclass

from policloud.domain.federation.canonical import canonical
from policloud.domain.federation.keys import ANSWER_PREFIX, SigningKey, verify
from policloud.domain.federation.offers import Answer, AnswerVerdict, Grant, Offer


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
    """The message to sign (keys.ANSWER_PREFIX comes before it)."""
    return canonical(
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


def sign(key: SigningKey, statement: Statement) -> str:
    return key.sign(ANSWER_PREFIX, payload(statement))


def statement_of(offer: Offer, answer: Answer) -> Statement | None:
    """What the answer in the offer's status must be a signature of; None if that can no longer be known.

    The hub keeps the revision of the sequence asked now, the status that of the one running. An answer to anything
    else was checked when it was current.
    """
    accepted = offer.running is not None and offer.running.sequence == answer.sequence
    if answer.sequence == offer.sequence:
        revision = offer.revision
    elif accepted and offer.running is not None:
        revision = offer.running.revision
    else:
        return None
    is_yes = accepted and answer.verdict is AnswerVerdict.ACCEPTED and offer.running is not None
    return Statement(
        hub=offer.hub,
        offer_uid=offer.uid,
        workload_uid=offer.workload.uid,
        sequence=answer.sequence,
        revision=revision,
        epoch=offer.observed_epoch,
        counter=offer.counter,
        verdict=answer.verdict,
        grant=answer.grant,
        acceptance=offer.running.acceptance if is_yes and offer.running else "",
    )


def genuine(offer: Offer, public_key: str | None) -> bool:
    """Whether the answer standing in the offer is the pinned key's; True where there is none to check.

    An Accepted answer must also be the one that `running` speaks of, with the same grant and revision.
    """
    answer = offer.answer
    if answer is None:
        return offer.running is None
    statement = statement_of(offer, answer)
    if statement is None:
        return True
    if public_key is None or not _consistent(offer, answer):
        return False
    return verify(public_key, ANSWER_PREFIX, payload(statement), answer.signature)


def _consistent(offer: Offer, answer: Answer) -> bool:
    if answer.verdict is not AnswerVerdict.ACCEPTED:
        return True
    running = offer.running
    if running is None or running.sequence != answer.sequence or running.grant != answer.grant:
        return False
    return answer.sequence != offer.sequence or running.revision == offer.revision
