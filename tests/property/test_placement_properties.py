"""What holds for every decision: never over capacity or power, lawful, whole gangs, a reason for everything left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policloud.domain.placement import canonical
from policloud.domain.placement.explain import message, summary, waiting_reason
from policloud.domain.placement.model import Decision, Snapshot
from policloud.domain.placement.solve import GreedySolver
from policloud.testing.fleets import random_snapshot
from policloud.testing.placement_check import violations

SOLVER = GreedySolver()


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    rng = Random(draw(st.integers(0, 2**32)))  # noqa: S311 - reproducible cases, no secret
    units, workloads = draw(st.integers(0, 12)), draw(st.integers(0, 30))
    return random_snapshot(rng, units=units, workloads=workloads, classes=draw(st.sampled_from([None, 3])))


def check(test: Callable[[Snapshot], None]) -> Callable[[], None]:
    many = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
    return many(given(snapshots())(test))


@check
def test_every_decision_is_sound(snapshot: Snapshot) -> None:
    assert violations(snapshot, SOLVER.solve(snapshot)) == []


@check
def test_the_same_snapshot_gives_the_same_decision_in_any_order(snapshot: Snapshot) -> None:
    shuffled = replace(snapshot, units=snapshot.units[::-1], workloads=snapshot.workloads[::-1])
    assert GreedySolver().solve(shuffled) == SOLVER.solve(snapshot)


@check
def test_a_stored_snapshot_replays_to_the_same_decision(snapshot: Snapshot) -> None:
    stored = canonical.dumps(snapshot)
    restored = canonical.loads(stored)
    assert canonical.dumps(restored) == stored
    assert restored == canonical.ordered(snapshot)
    decision = SOLVER.solve(snapshot)
    assert SOLVER.solve(restored) == decision
    assert decision.snapshot == canonical.digest(restored)


@check
def test_whatever_is_left_can_be_said_in_a_line(snapshot: Snapshot) -> None:
    decision = SOLVER.solve(snapshot)
    for workload in snapshot.workloads:
        made = decision.workloads[workload.uid]
        line = message(workload, made, snapshot.now)
        told = summary(made.verdicts)
        assert told.of == len(snapshot.units)
        assert sum(told.reasons.values()) == sum(v.reason is not None for v in made.verdicts)
        assert len(told.units) == min(20, told.of)
        assert line.endswith(".")
        assert len(line) < 1000
        if made.unplaced:
            assert waiting_reason(made.verdicts)
            assert len(made.relaxations) <= 5


@check
def test_more_units_never_leave_a_lone_workload_worse(snapshot: Snapshot) -> None:
    """Of one workload alone a larger fleet places at least as much: greed hurts others, never oneself."""
    for workload in snapshot.workloads[:3]:
        alone = replace(snapshot, workloads=(workload,))
        fewer = replace(alone, units=snapshot.units[: len(snapshot.units) // 2])
        assert _unplaced(SOLVER.solve(alone)) <= _unplaced(SOLVER.solve(fewer))


def _unplaced(decision: Decision) -> int:
    return sum(w.unplaced for w in decision.workloads.values())
