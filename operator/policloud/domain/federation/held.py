"""What a site remembers of an offer, in its own API server, so that it can go on without the hub."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from policloud.domain.federation.offers import NOTHING, AnswerVerdict, Grant, Offer, WorkloadRef

TOMBSTONE = timedelta(days=90)


class HeldState(StrEnum):
    ANSWERING = "Answering"  # an answer is decided and stored; whether the hub has it is not known yet
    ACCEPTED = "Accepted"  # acknowledged and carried out: the local object exists (or did)
    DECLINED = "Declined"  # the last answer was a no, and nothing runs
    RELEASED = "Released"  # final: a tombstone


@dataclass(frozen=True, slots=True)
class Identity:
    hub: str
    offer_namespace: str
    offer_name: str
    offer_uid: str
    workload: WorkloadRef
    unit: str


@dataclass(frozen=True, slots=True)
class Pledge:
    """One answer, decided: exactly this is sent, again and again until it is settled."""

    sequence: int
    revision: str
    epoch: int
    counter: int
    verdict: AnswerVerdict
    grant: Grant
    acceptance: str = ""
    reason: str = ""
    message: str = ""
    until: datetime | None = None
    mandate: str = ""  # that admitted it


@dataclass(frozen=True, slots=True)
class Held:
    """A record. `sequence`…`grant` are of the instance that runs (or is being answered for the first time)."""

    offer: Identity
    state: HeldState
    epoch: int
    sequence: int = 0
    revision: str = ""
    acceptance: str = ""
    grant: Grant = NOTHING
    counter: int = 0
    pledge: Pledge | None = None  # an answer on its way
    mandate: str = ""
    drain_until: datetime | None = None
    drain_reason: str = ""
    released_at: datetime | None = None
    resource_version: str = ""
    record: str = ""  # name of the object it is stored in, once it is

    @property
    def runs(self) -> bool:
        return self.state is HeldState.ACCEPTED

    @property
    def reserved(self) -> Grant:
        """What the site must keep free for it: an acceptance counts as soon as it is stored."""
        if self.state is HeldState.RELEASED:
            return NOTHING
        running = self.grant if self.runs else NOTHING
        pledged = self.pledge.grant if self.pledge and self.pledge.verdict is AnswerVerdict.ACCEPTED else NOTHING
        return running.larger(pledged)

    def answering(self, pledge: Pledge) -> Held:
        """The record to store before that answer is sent."""
        state = self.state if self.runs else HeldState.ANSWERING
        return replace(self, state=state, pledge=pledge, epoch=max(self.epoch, pledge.epoch), counter=pledge.counter)

    def carried_out(self) -> Held:
        """After the acknowledgement, and after the local object was made to follow it."""
        p = self.pledge
        if p is None or p.verdict is not AnswerVerdict.ACCEPTED:
            return replace(self, pledge=None)
        return replace(
            self,
            state=HeldState.ACCEPTED,
            pledge=None,
            sequence=p.sequence,
            revision=p.revision,
            acceptance=p.acceptance,
            grant=p.grant,
            mandate=p.mandate,
        )

    def declined(self) -> Held:
        """A no was acknowledged, or an answer came too late: nothing changes but the number it used."""
        return replace(self, state=self.state if self.runs else HeldState.DECLINED, pledge=None)

    def released(self, now: datetime) -> Held:
        return replace(self, state=HeldState.RELEASED, pledge=None, released_at=now)


def identity_of(offer: Offer) -> Identity:
    return Identity(offer.hub, offer.namespace, offer.name, offer.uid, offer.workload, offer.unit)


def counter_of(records: Iterable[Held], hub: str) -> int:
    """The highest number this site has given an answer to that hub."""
    return max((r.counter for r in records if r.offer.hub == hub), default=0)


def epoch_of(records: Iterable[Held], hub: str) -> int:
    """The highest epoch of that hub this site has answered to."""
    return max((r.epoch for r in records if r.offer.hub == hub), default=0)


def sequence_of(records: Iterable[Held], hub: str) -> int:
    """The highest sequence of that hub this site has answered."""
    return max(
        (max(r.sequence, r.pledge.sequence if r.pledge else 0) for r in records if r.offer.hub == hub), default=0
    )


def expired(records: Iterable[Held], now: datetime) -> list[Held]:
    """Tombstones old enough to go; of each hub the one with the highest counter stays, or the number would fall."""
    kept = list(records)
    top = {hub: counter_of(kept, hub) for hub in {r.offer.hub for r in kept}}
    return [
        r
        for r in kept
        if r.released_at is not None and now - r.released_at >= TOMBSTONE and r.counter < top[r.offer.hub]
    ]
