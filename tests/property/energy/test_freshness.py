"""Doubtful readings may lower what is counted on; they never raise it."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from policloud.domain.energy.freshness import (
    Ageing,
    MeterState,
    Plausible,
    Quality,
    Quorum,
    Sample,
    combine,
    hold,
    observe,
)

T0 = datetime(2026, 1, 1, tzinfo=UTC)
AGEING = Ageing(stale_after=5, dead_after=60)
RANGE = Plausible(0, 100_000, 50_000)
steps = st.lists(
    st.tuples(st.floats(0.5, 40), st.one_of(st.none(), st.integers(-10_000, 150_000)), st.floats(0, 90)), max_size=30
)


@given(steps)
def test_what_a_meter_counts_as_rises_only_with_a_good_reading(history: list[tuple[float, int | None, float]]) -> None:
    state, now = MeterState(), T0
    for wait, watts, age in history:
        now += timedelta(seconds=wait)
        sample = None if watts is None else Sample(watts, now - timedelta(seconds=age))
        after = observe(state, sample, RANGE, AGEING, now)
        if after.watts > state.watts:
            assert after.quality is Quality.GOOD
            assert sample is not None
            assert RANGE.min_watts <= sample.watts <= RANGE.max_watts  # type: ignore[operator]
        if after.quality is Quality.DEAD:
            assert after.watts == 0
        state = after


states = st.builds(
    MeterState,
    accepted=st.none(),
    quality=st.sampled_from(Quality),
    watts=st.integers(0, 1000),
)


@given(st.lists(states, max_size=7), st.sampled_from(Quorum))
def test_a_quantity_is_good_only_by_its_quorum_and_never_above_a_good_meter(
    meters: list[MeterState], rule: Quorum
) -> None:
    watts, quality = combine(meters, rule)
    good = [m.watts for m in meters if m.quality is Quality.GOOD]
    if quality is Quality.GOOD:
        needed = {Quorum.ANY: 1, Quorum.MEDIAN: len(meters) // 2 + 1, Quorum.ALL: len(meters)}[rule]
        assert len(good) >= needed
        assert watts in good
        assert watts <= sorted(good)[len(good) // 2]
    elif quality is Quality.DEAD:
        assert watts == 0 or any(m.watts == watts for m in meters)


@given(st.one_of(st.none(), st.integers(0, 1000)), st.integers(0, 1000), st.sampled_from(Quality))
def test_holding_never_rises_without_a_good_reading(before: int | None, fresh: int, quality: Quality) -> None:
    held = hold(before, fresh, quality)
    if quality is not Quality.GOOD and before is not None:
        assert held <= before
    if quality is Quality.GOOD:
        assert held == fresh
