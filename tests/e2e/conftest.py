"""The clusters that all scenarios share, which are put right between them; the table and report.json at the end."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from e2elab import fleets, inventory
from e2elab.fleet import Fleet
from e2elab.releases import ROOT

CLUSTER = os.environ.get("CLUSTER", "local")
_KIND_SECONDS = 1500  # of one scenario with what it finds to be put right: real images, waits as users have them
_SECONDS = pytest.StashKey[dict[str, tuple[str, float]]]()
_STEPS = pytest.StashKey[dict[str, float]]()


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Fleet]:
    """Three clusters with GPU servers, on which nothing of ours is installed yet."""
    with fleets.made(CLUSTER, tmp_path_factory.mktemp("e2e")) as fleet:
        request.config.stash[_STEPS] = fleet.steps
        with ThreadPoolExecutor(3) as pool:
            found = pool.map(inventory.settled, fleet.clusters)
        fleet.as_made = dict(zip((c.name for c in fleet.clusters), found, strict=True))
        yield fleet


@pytest.fixture
def federation(fleet: Fleet) -> Iterator[Fleet]:
    """Hub and sites of this checkout, joined and idle; whatever a scenario submitted is gone afterwards."""
    fleets.joined(fleet)
    yield fleet
    for one in fleet.clusters:
        one.resume()
        for other in fleet.clusters:
            if one is not other:
                one.heal(other)
    fleet.remove_work()


@pytest.fixture
def bare(fleet: Fleet) -> Fleet:
    """The clusters as they were made: nothing of ours is left on them."""
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(fleets.strip, fleet.clusters))
    return fleet


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "smoke: install, join, work in running pods, removal; make e2e SMOKE=1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if CLUSTER == "kind" and "fleet" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(_KIND_SECONDS))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    """Seconds of a scenario: its own, and of what it found to be put right."""
    report = yield
    if "fleet" in getattr(item, "fixturenames", ()) and call.when in {"setup", "call"}:
        seconds = item.config.stash.setdefault(_SECONDS, {})
        _, before = seconds.get(item.name, ("", 0.0))
        seconds[item.name] = (report.outcome, before + call.duration)
    return report


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    seconds = config.stash.get(_SECONDS, {})
    if not seconds:
        return
    terminalreporter.section(f"scenarios on CLUSTER={CLUSTER}")
    for name, (outcome, took) in seconds.items():
        terminalreporter.line(f"{took:7.1f} s  {outcome:7} {name.removeprefix('test_').replace('_', ' ')}")
    for step, took in config.stash.get(_STEPS, {}).items():
        terminalreporter.line(f"{took:7.1f} s  {step}")
    _write(seconds, config.stash.get(_STEPS, {}))


def _write(seconds: dict[str, tuple[str, float]], steps: dict[str, float]) -> None:
    folder = Path(ROOT / "build" / "e2e")
    folder.mkdir(parents=True, exist_ok=True)
    scenarios = [{"name": n, "outcome": o, "seconds": round(s, 1)} for n, (o, s) in seconds.items()]
    report = {"cluster": CLUSTER, "scenarios": scenarios, "steps": {k: round(v, 1) for k, v in steps.items()}}
    (folder / "report.json").write_text(json.dumps(report, indent=2) + "\n")
