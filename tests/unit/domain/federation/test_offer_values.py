"""Names, revisions, what is reserved, and what a signature binds."""

from __future__ import annotations

from dataclasses import replace

import pytest

from policloud.domain.federation.held import Held, HeldState, Identity, Pledge, counter_of, expired
from policloud.domain.federation.keys import SigningKey
from policloud.domain.federation.offers import (
    Answer,
    AnswerVerdict,
    Demand,
    Grant,
    Mobility,
    Offer,
    OfferState,
    Running,
    WorkloadRef,
    offer_name,
    reserved,
    revision,
)
from policloud.domain.federation.signing import Statement, genuine, sign
from policloud.testing.clock import VirtualClock

KEY = SigningKey(b"k" * 32)
WORK = WorkloadRef("town", "app", "00000000-0000-0000-0000-000000000001")
ASKED = Demand(4, 4, ("NVIDIA-L40S",), 48, max_watts=1400, typical_watts=1120)
REVISION = revision({"class": "Inference"}, ASKED, Mobility.FREE, exclusive=False)


def offer(**changes: object) -> Offer:
    fresh = Offer(
        "site-a",
        "app-1",
        "uid-1",
        "7",
        "hub",
        "a-1",
        WORK,
        1,
        5,
        REVISION,
        {"class": "Inference"},
        ASKED,
        Mobility.FREE,
    )
    return replace(fresh, **changes)  # type: ignore[arg-type]


def accepted(grant: Grant = ASKED.grant, **changes: object) -> Offer:
    running = Running(5, REVISION, "acceptance-1", grant)
    words = Statement("hub", "uid-1", WORK.uid, 5, REVISION, 1, 9, AnswerVerdict.ACCEPTED, grant, "acceptance-1")
    answer = Answer(AnswerVerdict.ACCEPTED, 5, grant, signature=sign(KEY, words))
    return offer(observed_epoch=1, counter=9, answer=answer, running=running, **changes)


def no(verdict: AnswerVerdict = AnswerVerdict.REFUSED) -> Answer:
    return Answer(verdict, 5, Grant(1, 1, 350))


RUNS = Running(4, REVISION, "acceptance-0", Grant(2, 2, 2000))


@pytest.mark.parametrize(
    ("what", "kept"),
    [
        (offer(), Grant(4, 4, 1400)),
        (offer(withdrawn=True), Grant()),
        (offer(answer=no()), Grant()),
        (offer(answer=no(AnswerVerdict.COUNTERED)), Grant()),
        (offer(running=RUNS), Grant(4, 4, 2000)),
        (offer(running=RUNS, answer=no()), Grant(2, 2, 2000)),
        (offer(running=RUNS, withdrawn=True), Grant(2, 2, 2000)),
        (offer(running=RUNS, release_requested=True), Grant(2, 2, 2000)),
        (offer(running=RUNS, state=OfferState.DRAINING), Grant(4, 4, 2000)),
        (offer(running=RUNS, state=OfferState.RELEASED), Grant()),
        (accepted(), Grant(4, 4, 1400)),
    ],
)
def test_reserved_is_field_by_field_the_larger_until_the_answer(what: Offer, kept: Grant) -> None:
    assert reserved(what) == kept


def test_names_are_short_and_differ_by_what_makes_them_differ() -> None:
    long = WorkloadRef("town", "a" * 60, WORK.uid)
    assert len(offer_name(long, "a-1", 1)) == 49
    others = {offer_name(WORK, "a-1", 1), offer_name(WORK, "a-2", 1), offer_name(WORK, "a-1", 2)}
    assert len(others | {offer_name(replace(WORK, uid="x"), "a-1", 1)}) == 4


def test_a_revision_is_of_the_request_and_of_nothing_else() -> None:
    same = revision({"class": "Inference"}, ASKED, Mobility.FREE, exclusive=False)
    assert same == REVISION
    assert revision({"class": "Batch"}, ASKED, Mobility.FREE, exclusive=False) != REVISION
    assert revision({"class": "Inference"}, ASKED.scaled(3), Mobility.FREE, exclusive=False) != REVISION
    assert revision({"class": "Inference"}, ASKED, Mobility.PINNED, exclusive=False) != REVISION
    assert revision({"class": "Inference"}, ASKED, Mobility.FREE, exclusive=True) != REVISION


def test_a_genuine_answer_is_recognised() -> None:
    assert genuine(accepted(), KEY.public)
    assert genuine(offer(), KEY.public), "no answer is no forgery"


@pytest.mark.parametrize(
    "forged",
    [
        accepted(uid="uid-2"),
        accepted(hub="another"),
        accepted(workload=replace(WORK, uid="00000000-0000-0000-0000-000000000002")),
        replace(accepted(), counter=10),
        replace(accepted(), observed_epoch=2),
        accepted(revision="sha256:" + "0" * 64),
        replace(accepted(), running=Running(5, REVISION, "acceptance-2", ASKED.grant)),
        replace(accepted(), running=Running(5, REVISION, "acceptance-1", Grant(9, 9, 9))),
        replace(accepted(), running=None),
        replace(accepted(), answer=replace(accepted().answer or no(), grant=Grant(9, 9, 9))),
        offer(running=RUNS),
    ],
)
def test_what_was_not_signed_is_forged(forged: Offer) -> None:
    assert not genuine(forged, KEY.public)


def test_another_key_or_none_is_not_believed() -> None:
    assert not genuine(accepted(), SigningKey(b"x" * 32).public)
    assert not genuine(accepted(), None)


def test_an_answer_stays_genuine_while_more_is_asked() -> None:
    assert genuine(accepted(sequence=6, revision="sha256:" + "1" * 64), KEY.public)


HELD = Held(Identity("hub", "site-a", "app-1", "uid-1", WORK, "a-1"), HeldState.ANSWERING, 1)
YES = Pledge(5, REVISION, 1, 9, AnswerVerdict.ACCEPTED, Grant(4, 4, 1400), "acceptance-1")


def test_a_site_keeps_what_it_is_about_to_promise() -> None:
    pledged = HELD.answering(YES)
    assert pledged.reserved == Grant(4, 4, 1400)
    assert pledged.declined().reserved == Grant()
    running = pledged.carried_out()
    assert (running.state, running.acceptance, running.pledge) == (HeldState.ACCEPTED, "acceptance-1", None)
    more = running.answering(replace(YES, sequence=6, grant=Grant(6, 6, 1000), acceptance="acceptance-2"))
    assert (more.state, more.reserved) == (HeldState.ACCEPTED, Grant(6, 6, 1400))
    assert more.declined().acceptance == "acceptance-1", "what runs goes on"


def test_tombstones_go_after_ninety_days_but_never_the_highest_counter() -> None:
    now = VirtualClock().now()
    old = replace(HELD, counter=3).released(now)
    last = replace(HELD, counter=4).released(now)
    later = now.replace(year=now.year + 1)
    assert expired([old, last], now) == []
    assert expired([old, last], later) == [old]
    assert counter_of([last], "hub") == 4
