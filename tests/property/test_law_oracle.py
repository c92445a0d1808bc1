"""The evaluator against an independent oracle of the law, on 100,000 random cases around the turning points."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from random import Random

import pytest

from policloud.domain.placement.blockers import is_law
from policloud.domain.reasons import Reason
from policloud.domain.sovereignty.evaluate import PRECEDENCE, evaluate
from policloud.testing import oracle
from policloud.testing.laws import Case, random_case

PARTS = 10
CASES_PER_PART = 10_000
HORIZON = timedelta(days=14)


@pytest.mark.parametrize("part", range(PARTS))
def test_evaluator_and_oracle_agree(part: int) -> None:
    rng = Random(20261124 + part)  # noqa: S311 - reproducible cases, no secret
    seen: Counter[str] = Counter()
    for number in range(CASES_PER_PART):
        case = random_case(rng)
        seen.update(compare(case, f"part {part}, case {number}"))
    # A generator that never reaches a branch proves nothing about it
    assert seen["lawful"] > CASES_PER_PART / 20
    assert seen["ends"] > CASES_PER_PART / 200
    for reason in Reason:
        if is_law(reason):
            assert seen[reason.value] > CASES_PER_PART / 200, reason


def compare(case: Case, label: str) -> set[str]:
    """Assert that both say the same; returns what they said."""
    result = evaluate(case.rules, case.facts, today=case.today, until=case.until)
    expected = oracle.reasons(case.rules, case.facts, case.today, case.until)
    found = {b.reason.value for b in result.breaches}
    assert found == expected, f"{label}: evaluator {found}, oracle {expected}: {case}"
    horizon = case.today + HORIZON
    last = oracle.last_lawful_day(case.rules, case.facts, case.today, horizon)
    if last is None and result.holds_until is not None:
        assert result.holds_until >= horizon, (
            f"{label}: holds until {result.holds_until}, oracle past {horizon}: {case}"
        )
    else:
        assert result.holds_until == last, f"{label}: holds until {result.holds_until}, oracle {last}: {case}"
    ranks = [PRECEDENCE[b.reason] for b in result.breaches]
    assert ranks == sorted(ranks)
    return found | ({"lawful"} if result.lawful else set()) | ({"ends"} if last is not None else set())
