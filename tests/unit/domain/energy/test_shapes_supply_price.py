from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from policloud.domain.energy.freshness import Ageing, MeterState, Plausible, Quality, Quorum, Sample, combine, observe
from policloud.domain.energy.price import Window, minutes, opportunity, time_of_use, weekdays
from policloud.domain.energy.shapes import Solar, Trace, TraceRow, Wind
from policloud.domain.energy.supply import Breaker, Limits, available

NOON = datetime(2026, 6, 21, 12, tzinfo=UTC)


def test_wind_is_the_same_for_the_same_instant_and_differs_by_seed() -> None:
    hours = [NOON + timedelta(minutes=7 * n) for n in range(200)]
    wind = Wind(100_000, 30, 3600, seed=1)
    series = [wind.watts(t) for t in hours]
    assert series == [Wind(100_000, 30, 3600, seed=1).watts(t) for t in hours]
    assert series != [Wind(100_000, 30, 3600, seed=2).watts(t) for t in hours]
    assert all(70_000 <= w <= 130_000 for w in series)
    assert len(set(series)) > 100
    steps = [abs(a - b) for a, b in pairwise(series)]
    assert max(steps) < 30_000, "it does not leap"


def test_the_sun_peaks_between_sunrise_and_sunset_of_the_plants_own_zone() -> None:
    sun = Solar(50_000, time(6), time(20), ZoneInfo("Europe/Paris"))
    assert sun.watts(datetime(2026, 6, 21, 11, tzinfo=UTC)) == 50_000, "13:00 in Paris is the middle of the day"
    assert sun.watts(datetime(2026, 6, 21, 2, tzinfo=UTC)) == 0
    assert sun.watts(datetime(2026, 6, 21, 20, tzinfo=UTC)) == 0


def test_a_trace_holds_each_row_until_the_next_and_may_start_over() -> None:
    rows = (TraceRow(0, 10), TraceRow(60, 20), TraceRow(120, 30))
    once, again = Trace(NOON, rows), Trace(NOON, rows, loop=True)
    at = [NOON + timedelta(seconds=s) for s in (-5, 0, 59, 60, 120, 500)]
    assert [once.watts(t) for t in at] == [10, 10, 10, 20, 30, 30]
    assert [again.watts(NOON + timedelta(seconds=s)) for s in (121, 185, 240)] == [10, 20, 10]


def test_a_breaker_carries_its_continuous_share_and_bounds_the_sum() -> None:
    breaker = Breaker(250, 400, 3, 0.95, 80)
    assert breaker.continuous_watts == 131_635
    limits = Limits(nameplate_watts=2_000_000, import_watts=120_000, breaker=breaker)
    assert available(limits, (1_500_000, Quality.GOOD)).watts == 131_635
    assert available(limits, (0, Quality.GOOD)).watts == 120_000


def test_import_is_bounded_by_the_contract_and_counts_only_if_its_meters_are_served() -> None:
    limits = Limits(nameplate_watts=50_000, import_watts=40_000, subscribed_watts=30_000)
    assert available(limits, None).watts == 30_000
    assert available(limits, (70_000, Quality.GOOD)).watts == 80_000, "no more than the nameplate is believed"
    unserved = available(limits, (20_000, Quality.GOOD), import_served=False)
    assert (unserved.watts, unserved.quality) == (20_000, Quality.DEAD)


@pytest.mark.parametrize(
    ("quorum", "expected"),
    [
        (Quorum.ANY, (90, Quality.GOOD)),
        (Quorum.MEDIAN, (90, Quality.GOOD)),
        (Quorum.ALL, (80, Quality.STALE)),
    ],
)
def test_quorum_among_three_meters_of_which_one_is_stale(quorum: Quorum, expected: tuple[int, Quality]) -> None:
    meters = [
        MeterState(None, Quality.GOOD, 100),
        MeterState(None, Quality.GOOD, 90),
        MeterState(None, Quality.STALE, 80),
    ]
    assert combine(meters, quorum) == expected


def test_a_leap_and_a_value_out_of_range_are_implausible_and_only_a_fall_is_believed() -> None:
    ageing, plausible = Ageing(5, 60), Plausible(0, 1000, 100)
    state = observe(MeterState(), Sample(500, NOON), plausible, ageing, NOON)
    later = NOON + timedelta(seconds=1)
    up = observe(state, Sample(900, later), plausible, ageing, later)
    assert (up.quality, up.watts) == (Quality.IMPLAUSIBLE, 500)
    down = observe(state, Sample(100, later), plausible, ageing, later)
    assert (down.quality, down.watts) == (Quality.IMPLAUSIBLE, 100)
    nonsense = observe(state, Sample(-5, later), plausible, ageing, later)
    assert (nonsense.quality, nonsense.watts) == (Quality.IMPLAUSIBLE, 500)
    long_after = NOON + timedelta(seconds=61)
    back = observe(state, Sample(900, long_after), plausible, ageing, long_after)
    assert (back.quality, back.watts) == (Quality.GOOD, 900), "a minute is time enough to get there"


def test_prices_by_the_hour_and_by_what_the_energy_would_have_earned() -> None:
    peak = Window(weekdays("Mon-Fri"), minutes("08:00"), minutes("20:00"), Decimal(120))
    night = Window(weekdays("Sat,Sun"), minutes("00:00"), minutes("24:00"), Decimal(60))
    paris = ZoneInfo("Europe/Paris")
    assert time_of_use([peak, night], datetime(2026, 11, 24, 8, tzinfo=paris), Decimal(95)) == 120
    assert time_of_use([peak, night], datetime(2026, 11, 24, 20, tzinfo=paris), Decimal(95)) == 95
    assert time_of_use([peak, night], datetime(2026, 11, 28, 23, 59, tzinfo=paris), Decimal(95)) == 60
    assert weekdays("Fri-Mon") == {4, 5, 6, 0}
    assert opportunity(Decimal(40), Decimal(6), Decimal(0)) == 34
    assert opportunity(Decimal(-20), Decimal(6), Decimal(0)) == 0
    assert opportunity(None, Decimal(6), Decimal(0)) is None
