"""One share of one workload offered to one unit, as both sides see it: values, names, what is reserved."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from policloud.domain.federation.canonical import canonical

NAME_CUT = 40
CONTENT_MAX_BYTES = 16 * 1024


class AnswerVerdict(StrEnum):
    """A site's word on one sequence; final for it."""

    ACCEPTED = "Accepted"
    COUNTERED = "Countered"  # less would fit; holds nothing until the hub takes it by a new sequence
    RETRY_AFTER = "RetryAfter"
    REFUSED = "Refused"


class OfferState(StrEnum):
    """How the accepted work is; the site says it."""

    PENDING = "Pending"
    RUNNING = "Running"
    SUSPENDED = "Suspended"  # will resume here, at `until` if that is known
    DRAINING = "Draining"
    RELEASED = "Released"  # final


class Mobility(StrEnum):
    PINNED = "Pinned"
    PREFERRED = "Preferred"
    FREE = "Free"


class ReleaseMode(StrEnum):
    DRAIN = "Drain"
    STOP = "Stop"


@dataclass(frozen=True, slots=True)
class Grant:
    """What is held: never negative. `watts` is the worst case (`demand.maxWatts`)."""

    replicas: int = 0
    gpus: int = 0
    watts: int = 0

    def larger(self, other: Grant) -> Grant:
        return Grant(max(self.replicas, other.replicas), max(self.gpus, other.gpus), max(self.watts, other.watts))

    def covers(self, other: Grant) -> bool:
        return self.replicas >= other.replicas and self.gpus >= other.gpus and self.watts >= other.watts


NOTHING = Grant()


@dataclass(frozen=True, slots=True)
class WorkloadRef:
    namespace: str  # the tenant
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class Demand:
    """What is asked of the unit, for all replicas of the share together."""

    replicas: int
    gpus: int
    products: tuple[str, ...] = ()
    memory_gib: int = 0
    gang: bool = False
    typical_watts: int = 0
    max_watts: int = 0

    @property
    def grant(self) -> Grant:
        return Grant(self.replicas, self.gpus, self.max_watts)

    def scaled(self, replicas: int) -> Demand:
        """The same for another number of replicas; watts rounded up."""
        if replicas == self.replicas:
            return self

        def share(total: int) -> int:
            return -(-total * replicas // self.replicas) if self.replicas else 0

        return Demand(
            replicas,
            share(self.gpus),
            self.products,
            self.memory_gib,
            self.gang,
            share(self.typical_watts),
            share(self.max_watts),
        )

    def wire(self) -> dict[str, Any]:
        return {
            "replicas": self.replicas,
            "gpus": self.gpus,
            "products": list(self.products),
            "memoryGiB": self.memory_gib,
            "gang": self.gang,
            "typicalWatts": self.typical_watts,
            "maxWatts": self.max_watts,
        }


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer that stands in the status, with what its signature covers beside it."""

    verdict: AnswerVerdict
    sequence: int  # observedSequence: the one it is about
    grant: Grant = NOTHING
    reason: str = ""
    message: str = ""
    until: datetime | None = None  # do not ask again before
    signature: str = ""


@dataclass(frozen=True, slots=True)
class Running:
    """The accepted instance that goes on until a later sequence is accepted or it is released."""

    sequence: int
    revision: str
    acceptance: str
    grant: Grant


@dataclass(frozen=True, slots=True)
class Offer:
    """A WorkOffer, read. Times by the hub's clock."""

    namespace: str
    name: str
    uid: str
    resource_version: str
    hub: str
    unit: str
    workload: WorkloadRef
    epoch: int
    sequence: int
    revision: str
    content: Mapping[str, Any]
    demand: Demand
    mobility: Mobility = Mobility.PREFERRED
    exclusive: bool = False
    answer_by: datetime | None = None
    withdrawn: bool = False
    withdrawn_at: datetime | None = None
    release_requested: bool = False
    release_acceptance: str = ""
    release_mode: ReleaseMode = ReleaseMode.DRAIN
    ask_again: datetime | None = None  # hub's note on a counter-offer it took: not for more before
    asked_replicas: int | None = None  # hub's note: what was asked before the counter-offer was taken
    completed_before: int = 0  # hub's note: completions of a batch that were done elsewhere before
    observed_epoch: int = 0
    counter: int = 0
    answer: Answer | None = None
    running: Running | None = None
    state: OfferState = OfferState.PENDING
    reason: str = ""
    until: datetime | None = None  # of a suspension
    feedback: Mapping[str, int | str] = field(default_factory=dict)

    @property
    def key(self) -> tuple[str, str]:
        return (self.namespace, self.name)

    @property
    def answered(self) -> bool:
        """The site has spoken on the sequence asked now."""
        return self.answer is not None and self.answer.sequence == self.sequence

    @property
    def unanswered(self) -> bool:
        """An answer to the sequence asked now may still come."""
        return not self.withdrawn and not self.answered and self.state is not OfferState.RELEASED

    @property
    def released(self) -> bool:
        return self.state is OfferState.RELEASED

    @property
    def final(self) -> bool:
        """Nothing will ever run under this offer again."""
        return self.released or (self.withdrawn and self.running is None)

    @property
    def dormant(self) -> bool:
        """Open, but the site said no and nothing runs: it holds nothing until asked again."""
        return (
            not self.final
            and self.running is None
            and self.answer is not None
            and self.answered
            and self.answer.verdict is not AnswerVerdict.ACCEPTED
        )

    @property
    def leaving(self) -> bool:
        return self.release_requested or self.state is OfferState.DRAINING


def reserved(offer: Offer) -> Grant:
    """What the hub must keep free at the unit for this offer: field by field the larger of running and asked.

    An answer that is not there yet may still come until the sequence is superseded or withdrawn, so the asked
    counts in full until then.
    """
    if offer.final:
        return NOTHING
    running = offer.running.grant if offer.running else NOTHING
    return running.larger(offer.demand.grant) if offer.unanswered and not offer.release_requested else running


def offer_name(workload: WorkloadRef, unit: str, sequence: int) -> str:
    """Workload cut to 40, a dash, 8 hex of sha256(workload UID, unit, first sequence): ≤ 49 characters."""
    digest = hashlib.sha256("\n".join((workload.uid, unit, str(sequence))).encode()).hexdigest()[:8]
    return f"{workload.name[:NAME_CUT].rstrip('-.')}-{digest}"


def revision(content: Mapping[str, Any], demand: Demand, mobility: Mobility, *, exclusive: bool) -> str:
    """What is asked, in one word: equal revisions are the same request."""
    whole = {"content": content, "demand": demand.wire(), "mobility": str(mobility), "exclusive": exclusive}
    return "sha256:" + hashlib.sha256(canonical(whole)).hexdigest()


def total_reserved(offers: Iterable[Offer]) -> Grant:
    held = [reserved(o) for o in offers]
    return Grant(sum(g.replicas for g in held), sum(g.gpus for g in held), sum(g.watts for g in held))
