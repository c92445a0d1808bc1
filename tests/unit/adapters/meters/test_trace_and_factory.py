import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from policloud.adapters.meters.factory import MeterFactory
from policloud.adapters.meters.trace import TraceFile
from policloud.ports import MeterError


class At:
    """A clock that stands."""

    def __init__(self, now: datetime) -> None:
        self.time = now

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("watts,time\n", "line 1: the header is 'watts,time' and must be 'time,watts'"),
        ("time,watts\n", "line 2: no row"),
        ("time,watts\n0,1,2\n", "line 2: 3 columns where 2 are needed"),
        ("time,watts\n0,1.5\n", "line 2: watts '1.5' is not a whole number"),
        ("time,watts\nsoon,1\n", "line 2: time 'soon' is neither seconds nor RFC 3339"),
        ("time,watts\n0,1\n\n# a remark\n0,2\n", "line 5: time '0' does not come after the line before it"),
        ("time,watts\n0,1\n2026-01-01T00:00:00Z,2\n", "line 3: '2026-01-01T00:00:00Z' is an instant"),
    ],
)
def test_a_bad_trace_file_is_told_line_and_value(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "trace.csv"
    file.write_text(text)
    with pytest.raises(MeterError) as caught:
        TraceFile(file).trace()
    assert caught.value.reason == "TraceFileInvalid"
    assert said in caught.value.message
    assert str(file) in caught.value.message


def test_seconds_run_from_the_last_change_of_the_file_and_a_rewritten_one_starts_anew(tmp_path: Path) -> None:
    file = tmp_path / "trace.csv"
    file.write_text("time,watts\n0,10\n60,20\n")
    written = datetime(2026, 1, 1, tzinfo=UTC)
    os.utime(file, (written.timestamp(), written.timestamp()))
    trace = TraceFile(file)
    assert trace.trace().watts(written + timedelta(seconds=61)) == 20
    file.write_text("time,watts\n0,99\n")
    assert trace.trace().watts(written) == 99


def test_instants_are_taken_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / "trace.csv"
    file.write_text("time,watts\n2026-01-01T00:00:00Z,1\n2026-01-01T01:00:00+00:00,2\n")
    trace = TraceFile(file).trace()
    assert [trace.watts(datetime(2026, 1, 1, h, 30, tzinfo=UTC)) for h in (0, 1)] == [1, 2]


async def test_every_simulated_shape_is_served_and_every_other_provider_says_that_it_is_not(tmp_path: Path) -> None:
    noon = datetime(2026, 6, 21, 12, tzinfo=UTC)
    build = MeterFactory(At(noon), tmp_path)
    (tmp_path / "t.csv").write_text("time,watts\n0,7\n")
    shapes = {
        "constant": {"watts": 5},
        "trace": {"file": "t.csv"},
        "wind": {"meanWatts": 100, "variabilityPercent": 0},
        "solar": {"peakWatts": 50, "sunrise": "00:00", "sunset": "24:00"},
    }
    read = {name: (await build({"name": "m", "simulated": {name: s}}).read()).watts for name, s in shapes.items()}
    assert read == {"constant": 5, "trace": 7, "wind": 100, "solar": 50}
    with pytest.raises(MeterError) as caught:
        await build({"name": "turbine", "quantity": "Generation", "sunspec": {"host": "10.0.0.1"}}).read()
    assert caught.value.reason == "ProviderNotServed"
    assert "meter turbine declares sunspec" in caught.value.message
