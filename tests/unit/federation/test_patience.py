"""A site that is slower than the hub's patience gets more of it, and is not asked for ever in vain."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from policloud.domain.federation.offers import Answer, AnswerVerdict, Demand, Offer, WorkloadRef
from policloud.reconcile.hub.refusals import patience

AT = datetime(2026, 1, 1, tzinfo=UTC)
WITHIN = timedelta(seconds=30)


def offer(*, unit: str = "a", late: bool = True, answered: bool = False) -> Offer:
    return Offer(
        namespace="site-a",
        name="app-1",
        uid="u",
        resource_version="1",
        hub="h",
        unit=unit,
        workload=WorkloadRef("town", "app", "w"),
        epoch=1,
        sequence=1,
        revision="sha256:0",
        content={},
        demand=Demand(1, 1),
        answer_by=AT,
        withdrawn=True,
        withdrawn_at=AT + timedelta(seconds=1 if late else -1),
        answer=Answer(AnswerVerdict.REFUSED, 1) if answered else None,
    )


@pytest.mark.parametrize(("passed", "seconds"), [(0, 30), (1, 60), (2, 120), (4, 480), (9, 480)])
def test_each_offer_let_pass_doubles_it_up_to_sixteen_times(passed: int, seconds: int) -> None:
    assert patience([offer() for _ in range(passed)], "a", WITHIN) == timedelta(seconds=seconds)


@pytest.mark.parametrize("other", [offer(unit="b"), offer(late=False), offer(answered=True)])
def test_what_another_let_pass_or_was_withdrawn_early_or_answered_does_not_count(other: Offer) -> None:
    assert patience([other], "a", WITHIN) == WITHIN
