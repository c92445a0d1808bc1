"""Whatever runs and however little is left: the plan fits, cuts nothing it need not, and spares what matters most."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from policloud.domain.power.shedding import Load, least_important_first, plan, raise_reserve

START = datetime(2026, 1, 1, tzinfo=UTC)


@st.composite
def loads(draw: st.DrawFn) -> list[Load[str]]:
    found = []
    for n in range(draw(st.integers(0, 8))):
        kind = draw(st.sampled_from(["Inference", "Batch", "VirtualMachine"]))
        replicas = 1 if kind == "VirtualMachine" else draw(st.integers(1, 6))
        found.append(
            Load(
                id=f"w{n}",
                kind=kind,
                priority=draw(st.integers(0, 1000)),
                created=START + timedelta(minutes=draw(st.integers(0, 1000))),
                replicas=replicas,
                min_replicas=draw(st.integers(0, replicas)) if kind == "Inference" else replicas,
                gpus_per_replica=1,
                watts_per_replica=draw(st.integers(0, 3000)),
            )
        )
    return found


def _draw(running: dict[str, int], of: list[Load[str]]) -> int:
    return sum(running[w.id] * w.watts_per_replica for w in of)


@given(loads(), st.integers(0, 30_000))
def test_the_plan_fits_or_everything_stands_still(of: list[Load[str]], room: int) -> None:
    keep = plan(of, lambda r: sum(r[w.id] * w.watts_per_replica for w in of) <= room)
    assert _draw(keep, of) <= room or not any(keep.values())
    assert all(0 <= keep[w.id] <= w.replicas for w in of)


@given(loads(), st.integers(0, 30_000))
def test_what_fits_is_left_alone(of: list[Load[str]], spare: int) -> None:
    room = sum(w.replicas * w.watts_per_replica for w in of) + spare
    assert plan(of, lambda r: sum(r[w.id] * w.watts_per_replica for w in of) <= room) == {w.id: w.replicas for w in of}


@given(loads(), st.integers(0, 30_000))
def test_only_whole_work_or_what_is_above_its_minimum_goes_on(of: list[Load[str]], room: int) -> None:
    keep = plan(of, lambda r: sum(r[w.id] * w.watts_per_replica for w in of) <= room)
    for w in of:
        floor = w.min_replicas if w.kind == "Inference" else w.replicas
        assert keep[w.id] == 0 or keep[w.id] >= min(floor, w.replicas)


@given(loads(), st.integers(0, 30_000))
def test_nothing_that_was_cut_would_still_fit(of: list[Load[str]], room: int) -> None:
    def fits(running: dict[str, int]) -> bool:
        return _draw(running, of) <= room

    keep = plan(of, fits)  # type: ignore[arg-type]
    for w in of:
        for step in w.steps:
            if step > keep[w.id]:
                assert not fits({**keep, w.id: step}), f"{w.id} could have kept {step}"


@given(loads(), st.integers(0, 30_000))
def test_more_important_work_is_cut_only_if_all_less_important_work_was_not_enough(
    of: list[Load[str]], room: int
) -> None:
    keep = plan(of, lambda r: sum(r[w.id] * w.watts_per_replica for w in of) <= room)
    order = least_important_first(of)
    cut = [n for n, w in enumerate(order) if keep[w.id] < w.replicas]
    if not cut:
        return
    without_less = {w.id: 0 if n < cut[-1] else w.replicas for n, w in enumerate(order)}
    assert _draw(without_less, of) > room


@given(st.integers(0, 1_000_000), st.one_of(st.none(), st.floats(0, 100)))
def test_raises_keep_a_reserve_for_a_while_after_a_shortage(budget: int, since: float | None) -> None:
    reserve = raise_reserve(budget, since, hold_seconds=30)
    if since is None or since >= 30:
        assert reserve == 0
    else:
        assert reserve >= budget * 5 / 100
