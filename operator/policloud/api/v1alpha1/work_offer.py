"""WorkOffer: one share of one workload offered to one unit, and the site's signed answer."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AwareDatetime, Field

from policloud.api.v1alpha1.common import (
    Acceptance,
    ApiModel,
    ApiObject,
    CamelWord,
    Count,
    Counter,
    Digest,
    HubID,
    Identifier,
    ObjectName,
    Product,
    Signature,
    StatusModel,
    Text,
    Uid,
    Watts,
)
from policloud.api.v1alpha1.schema import Column, Embedded, KindInfo, MapOf, Persisted, Rule, SetOf
from policloud.api.v1alpha1.telemetry import exactly_one


def _never_less(name: str) -> Rule:
    return Rule(
        f"self.{name} >= oldSelf.{name}",
        f"`{name}` must never decrease",
        f"'{name} must never decrease, from ' + string(oldSelf.{name}) + ' to ' + string(self.{name})",
        f".{name}",
    )


def _fixed(name: str, show: str = "self.{}") -> Rule:
    new, old = show.format(name), show.format(name).replace("self.", "oldSelf.")
    return Rule(
        f"self.{name} == oldSelf.{name}",
        f"`{name}` must not be changed; make a new offer",
        f"'{name} must not be changed from ' + {old} + ' to ' + {new} + '; make a new offer'",
        f".{name}",
    )


class WorkloadReference(ApiModel):
    """A SovereignWorkload of the hub."""

    namespace: ObjectName
    """Its namespace."""
    name: ObjectName
    """Its name."""
    uid: Uid
    """Its UID."""


class Demand(ApiModel):
    """What it takes."""

    rules: ClassVar = (
        Rule(
            "!has(self.typicalWatts) || self.typicalWatts <= self.maxWatts",
            "`typicalWatts` must not be greater than `maxWatts`",
            "'typicalWatts ' + string(self.typicalWatts) + ' must not be greater than maxWatts '"
            " + string(self.maxWatts)",
            ".typicalWatts",
        ),
    )

    replicas: Count
    """Replicas (Batch: pods at once)."""
    gpus: Count
    """GPUs of all of them."""
    products: Annotated[tuple[Product, ...], Field(max_length=16), SetOf()] = ()
    """GPU products of the unit that will do. Default: any."""
    memory_gib: Annotated[int, Field(ge=0, le=4096)] | None = None
    """Memory of one GPU at least, in GiB."""
    gang: bool = False
    """All or nothing. Default false."""
    typical_watts: Watts | None = None
    """Expected draw of its GPUs, in watts."""
    max_watts: Watts
    """Rated draw of its GPUs, in watts: what the site must have free."""


class Release(ApiModel):
    """The order to end what runs."""

    requested: Annotated[bool, Persisted()] = False
    """End it. Final."""
    acceptance: Acceptance | None = None
    """The acceptance that is to end; obeyed only if it is the one that runs."""
    mode: Annotated[Literal["Drain", "Stop"], Persisted()] = "Drain"
    """Drain: with the notice of the workload. Stop: at once."""


class WorkOfferSpec(ApiModel):
    """The hub's side. At most one open offer per workload and unit."""

    rules: ClassVar = (
        _fixed("hub"),
        _fixed("unit"),
        _fixed("workload", "self.{0}.namespace + '/' + self.{0}.name + ' (UID ' + self.{0}.uid + ')'"),
        _never_less("epoch"),
        _never_less("sequence"),
        Rule(
            "!oldSelf.withdrawn || self.withdrawn",
            "`withdrawn` is final; make a new offer",
            "'withdrawn is final at sequence ' + string(self.sequence) + '; make a new offer'",
            ".withdrawn",
        ),
        Rule(
            "!oldSelf.release.requested || self.release.requested",
            "`release.requested` is final; make a new offer",
            "'release.requested is final at sequence ' + string(self.sequence) + '; make a new offer'",
            ".release",
        ),
        Rule(
            "self.revision == oldSelf.revision || self.sequence > oldSelf.sequence",
            "a new `revision` needs a greater `sequence`",
            "'a new revision needs a sequence greater than ' + string(oldSelf.sequence) + ', not '"
            " + string(self.sequence)",
            ".sequence",
        ),
    )

    hub: HubID
    """Who offers."""
    workload: WorkloadReference
    """What is offered."""
    unit: ObjectName
    """PolicloudUnit that it is offered to."""
    epoch: Counter
    """Of the hub's state; rises when a hub was restored."""
    sequence: Counter
    """A counter per site; rises with every edit of an offer."""
    revision: Digest
    """sha256 of the RFC 8785 JSON of {content, demand, mobility, exclusive}."""
    content: Annotated[dict[str, Any], Embedded()]
    """The spec of the SovereignWorkload, at most 16 KiB."""
    demand: Demand
    """What it takes."""
    mobility: Literal["Pinned", "Preferred", "Free"]
    """As in the workload's placement."""
    exclusive: Annotated[bool, Persisted()] = False
    """As in the workload's placement."""
    answer_by: AwareDatetime
    """By the hub's clock; later answers may find the offer withdrawn."""
    withdrawn: Annotated[bool, Persisted()] = False
    """Ends the unanswered sequence. Final."""
    adopt: bool | None = None
    """The site holds this work already: take it over, start nothing. Default false."""
    release: Annotated[Release, Persisted()] = Field(default_factory=Release)
    """Ends what runs, in whole."""


class Answer(ApiModel):
    """The site's verdict on one sequence."""

    verdict: Literal["Accepted", "Countered", "RetryAfter", "Refused"]
    """Final for observedSequence. Countered: so much would be possible."""
    reason: CamelWord | None = None
    """Why, in one stable word, e.g. Power."""
    message: Text | None = None
    """Why, for people."""
    replicas: Count | None = None
    """Replicas granted, or possible."""
    gpus: Count | None = None
    """GPUs granted, or possible."""
    watts: Watts | None = None
    """Watts granted, or possible."""
    until: AwareDatetime | None = None
    """Do not ask again before."""
    acceptance: Acceptance | None = None
    """With Accepted: a random ID, new at each acceptance."""
    signature: Signature | None = None
    """Ed25519 over the RFC 8785 JSON of the answer and what it answers, by the site's pinned key."""


class Running(ApiModel):
    """What goes on at the site, until a later sequence is accepted."""

    sequence: Counter
    """The sequence it was accepted at."""
    revision: Digest
    """The revision that runs."""
    acceptance: Acceptance
    """The acceptance it runs under."""
    replicas: Count
    """Replicas granted."""
    gpus: Count
    """GPUs granted."""
    watts: Watts
    """Watts granted."""


_VALUES = ("integer", "text", "boolean", "time")


class Feedback(ApiModel):
    """One typed value from the site."""

    rules: ClassVar = (exactly_one(" in an entry of `feedback`", _VALUES),)

    name: Identifier
    """What it is, e.g. readyReplicas."""
    integer: Annotated[int, Field(ge=-9_007_199_254_740_991, le=9_007_199_254_740_991)] | None = None
    """A whole number."""
    text: Text | None = None
    """A text."""
    boolean: bool | None = None
    """True or false."""
    time: AwareDatetime | None = None
    """A time."""


class WorkOfferStatus(StatusModel):
    """The site's side; written by that site alone."""

    rules: ClassVar = (
        Rule(
            "!has(oldSelf.counter) || (has(self.counter) && self.counter >= oldSelf.counter)",
            "`counter` must never decrease",
            "has(self.counter) ? 'counter must never decrease, from ' + string(oldSelf.counter) + ' to '"
            " + string(self.counter) : 'counter must never decrease: ' + string(oldSelf.counter)"
            " + ' must not be taken away'",
        ),
        Rule(
            "!has(oldSelf.state) || oldSelf.state != 'Released' || (has(self.state) && self.state == 'Released')",
            "`state` Released is final",
            "'state Released is final, not ' + (has(self.state) ? self.state : 'absent')",
        ),
    )

    observed_epoch: Counter | None = None
    """spec.epoch that was answered."""
    observed_sequence: Counter | None = None
    """spec.sequence that was answered."""
    counter: Counter | None = None
    """The site's own counter; rises with every answer."""
    answer: Answer | None = None
    """The verdict."""
    running: Running | None = None
    """What goes on."""
    state: Literal["Pending", "Running", "Suspended", "Draining", "Released"] | None = None
    """How it is."""
    reason: CamelWord | None = None
    """Why it is so, in one stable word."""
    message: Text | None = None
    """Why it is so, for people."""
    until: AwareDatetime | None = None
    """With Suspended: when it is expected to resume."""
    feedback: Annotated[tuple[Feedback, ...], Field(max_length=32), MapOf(("name",))] = ()
    """Values such as readyReplicas."""


class WorkOffer(ApiObject):
    """One share of one workload offered to one unit. Spec by the hub, status by the site alone."""

    info: ClassVar = KindInfo(
        short_name="offer",
        conditions=("Ready", "Reconciling", "Stalled"),
        default_status={"state": "Pending"},
        selectable=(".spec.unit", ".spec.workload.name", ".spec.workload.namespace", ".spec.withdrawn"),
        columns=(
            Column("Unit", ".spec.unit"),
            Column("Workload", ".spec.workload.name"),
            Column("Verdict", ".status.answer.verdict"),
            Column("State", ".status.state"),
            Column("Reason", ".status.reason"),
            Column("Replicas", ".spec.demand.replicas", "integer", "Replicas asked for"),
            Column("Granted", ".status.running.replicas", "integer", "Replicas that run"),
            Column("Watts", ".spec.demand.maxWatts", "integer"),
            Column("Tenant", ".spec.workload.namespace", wide=True),
            Column("Sequence", ".spec.sequence", "integer", wide=True),
            Column("Withdrawn", ".spec.withdrawn", "boolean", wide=True),
            Column("Released", ".spec.release.requested", "boolean", "Release requested", wide=True),
            Column("Answer by", ".spec.answerBy", wide=True),
            Column("Age", ".metadata.creationTimestamp", "date"),
        ),
    )

    kind: Literal["WorkOffer"] = "WorkOffer"
    spec: WorkOfferSpec
    status: WorkOfferStatus = Field(default_factory=WorkOfferStatus)
