"""The demo is honest: an unmet expectation fails with what was found, a broken scene fails and the show goes on."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import pytest
import yaml

from policloud.cli.shipped import directory
from policloud.ports import TransientError
from policloud.testing.demo import script
from policloud.testing.demo.expectations import AT_SITES, ON_THE_HUB
from policloud.testing.demo.scene import Check, Scene, together
from policloud.testing.demo.script import Listener, all_hold, perform, scenes
from policloud.testing.demo.show import check_line
from policloud.testing.demo.wind import Wind, source_watts_for


class FastClock:
    """Every sleep passes at once."""

    def __init__(self) -> None:
        self.time = 0.0

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += seconds
        await asyncio.sleep(0)


def scene() -> Scene:
    return Scene(1, "title", "expectation", cast(Any, FastClock()))


async def never() -> str | None:
    return "2 of 3 pods"


async def test_what_comes_in_time_holds() -> None:
    answers = itertools.chain(["not yet", "not yet"], itertools.repeat(None))

    async def probe() -> str | None:
        return next(answers)

    played = scene()
    assert await played.expect("pods run", probe, within=10)
    assert played.ok
    assert played.checks[0].seconds == pytest.approx(0.6)


async def test_what_does_not_come_fails_with_what_was_found() -> None:
    played = scene()
    assert not await played.expect("pods run", never, within=2)
    assert played.checks == [Check("pods run", ok=False, seconds=pytest.approx(2.1), found="2 of 3 pods")]
    assert "found: 2 of 3 pods" in check_line(played, played.checks[0]).plain


async def test_an_api_server_that_is_away_is_an_objection_not_a_crash() -> None:
    async def probe() -> str | None:
        raise TransientError("connection refused")

    played = scene()
    assert not await played.expect("it answers", probe, within=1)
    assert played.checks[0].found == "TransientError: connection refused"


async def test_what_must_stay_is_watched_to_the_end() -> None:
    answers = itertools.chain([None, None, None], itertools.repeat("one pod is gone"))

    async def probe() -> str | None:
        return next(answers)

    assert not await scene().stays("nothing is deleted", probe, seconds=5)


async def test_checks_together_all_count() -> None:
    played = scene()
    assert not await together(played.expect("a", never, within=1), played.expect("b", never, within=1))
    assert len(played.checks) == 2


def test_a_scene_without_checks_does_not_hold() -> None:
    assert not scene().ok
    assert not all_hold([scene()])


async def test_a_broken_scene_fails_and_the_next_is_played(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(_scene: Scene, _stage: Any) -> None:
        raise LookupError("no such unit")

    async def good(played: Scene, _stage: Any) -> None:
        played.record("fine", None)

    modules = [SimpleNamespace(TITLE=t, EXPECTATION="", play=p) for t, p in (("a", broken), ("b", good))]
    monkeypatch.setattr(script, "ACTS", (((1,),), ((2,),)))
    monkeypatch.setattr(script, "SCENES", cast(tuple[ModuleType, ...], tuple(modules)))

    async def ended(_scene: Scene) -> None:
        return None

    listener = Listener(lambda _s: None, lambda _s, _c: None, ended)
    clock = cast(Any, FastClock())
    played = scenes(clock, listener)
    await perform(cast(Any, SimpleNamespace(clock=clock)), played, listener)
    assert [s.ok for s in played] == [False, True]
    assert played[0].checks[0].found == "LookupError: no such unit"
    assert not all_hold(played)


def test_every_scene_is_played_once() -> None:
    assert sorted(n for act in script.ACTS for track in act for n in track) == list(range(1, len(script.SCENES) + 1))


def test_every_sample_has_its_expectation() -> None:
    folder = directory("samples") / "workloads"
    assert set(ON_THE_HUB) == _workloads(folder.glob("*.yaml"))
    for site, expected in AT_SITES.items():
        assert set(expected) == _workloads([folder / "local" / f"{site}.yaml"])


def _workloads(paths: Any) -> set[str]:
    bodies = [b for p in paths for b in yaml.safe_load_all(Path(p).read_text())]
    return {f"{b['metadata']['namespace']}/{b['metadata']['name']}" for b in bodies if b["kind"] == "SovereignWorkload"}


def test_the_wind_is_rewritten_whole_and_given_back(tmp_path: Path) -> None:
    file = tmp_path / "wind.csv"
    file.write_text("time,watts\n0,90000\n")
    wind = Wind(file, import_watts=5000)
    wind.blow(30000)
    assert file.read_text() == "time,watts\n0,25000\n"
    wind.restore()
    assert file.read_text() == "time,watts\n0,90000\n"
    assert list(tmp_path.iterdir()) == [file]


def test_the_margin_is_added_to_what_the_source_must_give() -> None:
    unit = {"spec": {"electrical": {"safetyMarginPercent": 5}}}
    assert source_watts_for(unit, 19000) == 20000
