"""However units, sources and GPUs are drawn: nothing is handed out twice, nothing above what there is."""

from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from policloud.domain.power.headroom import (
    Claim,
    NodeDraw,
    PoolDraw,
    UnitPower,
    closed_nodes,
    headroom,
    split,
    with_margin,
)

SOURCES = ("grid", "wind", "sun")
watts = st.integers(0, 5_000_000)
percent = st.one_of(st.none(), st.decimals(0, 250, places=2))


@st.composite
def claims(draw: st.DrawFn) -> list[Claim]:
    count = draw(st.integers(1, 6))
    return [
        Claim(f"unit-{n}", draw(watts), draw(st.dictionaries(st.sampled_from(SOURCES), percent, max_size=3)))
        for n in range(count)
    ]


@given(st.dictionaries(st.sampled_from(SOURCES), watts), claims())
def test_shares_of_a_source_never_exceed_it(available: dict[str, int], units: list[Claim]) -> None:
    shares = split(available, units)
    for source in SOURCES:
        given_out = [shares[c.unit].get(source, 0) for c in units]
        assert sum(given_out) <= available.get(source, 0)
        assert all(s >= 0 for s in given_out)


@given(st.integers(0, 5_000_000), st.lists(watts.filter(bool), min_size=1, max_size=6))
def test_without_written_shares_all_but_rounding_is_handed_out(source: int, limits: list[int]) -> None:
    units = [Claim(f"unit-{n}", limit, {"grid": None}) for n, limit in enumerate(limits)]
    handed = sum(s["grid"] for s in split({"grid": source}, units).values())
    assert source - len(units) < handed <= source


pools = st.lists(
    st.builds(
        PoolDraw,
        nodes=st.integers(0, 50),
        host_max_watts=st.integers(0, 3000),
        gpus_in_use=st.integers(0, 400),
        gpu_max_watts=st.integers(1, 1200),
    ),
    max_size=4,
)


units = st.builds(
    UnitPower,
    limit_watts=watts,
    source_watts=watts,
    margin_percent=st.decimals(0, 50, places=1),
    other_max_watts=st.integers(0, 50_000),
    pools=pools.map(tuple),
)


@given(units, st.integers(1, 1200))
def test_what_is_granted_from_free_never_passes_the_budget(power: UnitPower, gpu: int) -> None:
    now = headroom(power)
    assert now.available <= min(power.limit_watts, power.source_watts)
    more = now.free // gpu
    if more:
        after = headroom(replace(power, pools=(*power.pools, PoolDraw(0, 0, more, gpu))))
        assert after.used <= after.available
    assert now.free == 0 or now.short == 0


@given(watts, watts, pools, pools)
def test_less_source_or_more_nodes_never_give_more(
    limit: int, source: int, few: list[PoolDraw], more: list[PoolDraw]
) -> None:
    margin = Decimal(5)
    base = headroom(UnitPower(limit, source, margin, pools=tuple(few)))
    assert headroom(UnitPower(limit, source // 2, margin, pools=tuple(few))).free <= base.free
    assert headroom(UnitPower(limit, source, margin, pools=(*few, *more))).free <= base.free


nodes = st.lists(
    st.builds(NodeDraw, name=st.uuids().map(str), host_watts=st.integers(0, 3000), gpu_watts=st.integers(0, 12_000)),
    max_size=12,
)


@given(watts, nodes)
def test_open_nodes_of_a_branch_fit_it_at_their_worst(limit: int, on_it: list[NodeDraw]) -> None:
    closed = closed_nodes(limit, Decimal(5), on_it)
    worst = sum(n.host_watts for n in on_it) + sum(n.gpu_watts for n in on_it if n.name not in closed)
    open_gpus = sum(n.gpu_watts for n in on_it if n.name not in closed)
    assert open_gpus == 0 or worst <= with_margin(limit, Decimal(5))
