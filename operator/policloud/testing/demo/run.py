"""The whole demo: federation up, scenes played and checked, report written, federation down."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from policloud.adapters.clock import SystemClock
from policloud.adapters.kube.client import HttpCluster
from policloud.adapters.kube.connection import Connection
from policloud.cli.fleet import Fleet, gather
from policloud.cli.shipped import directory
from policloud.ports import ApiError
from policloud.testing.demo.report import report, write
from policloud.testing.demo.scene import Scene
from policloud.testing.demo.script import all_hold, perform, scenes
from policloud.testing.demo.show import Show, closing
from policloud.testing.demo.stage import TIME_SCALE, Stage
from policloud.testing.demo.world import World
from policloud.testing.local import Federation

# A smaller stage takes the first ones: a city with health data, wind, a Pinned workload, then another country…
ORDER = ("cannes", "cloudgrid", "dijon", "hera", "texas", "rougeline", "uae", "sebalyo")


@dataclass(frozen=True, slots=True)
class Result:
    played: Sequence[Scene]
    report: Path

    @property
    def ok(self) -> bool:
        return all_hold(list(self.played))


def raise_federation(root: Path, *, sites: int, keep: bool) -> Federation:
    """A new one below `root`; with `keep` it outlives this process, else it dies with it."""
    fleet = directory("samples") / "fleet"
    return Federation.create(
        root / "federation", fleet=fleet, only=ORDER[:sites], attached=not keep, time_scale=TIME_SCALE
    )


def play(federation: Federation, root: Path, console: Console, begun: float) -> Result:
    """Plays on a federation that is up; `begun`: when bringing it up began, monotonic."""
    return asyncio.run(_play(federation, root, console, begun))


async def _play(federation: Federation, root: Path, console: Console, begun: float) -> Result:
    clock = SystemClock()
    brought_up = clock.monotonic() - begun
    async with _clusters(federation) as clusters:
        hub = clusters["hub"]
        sites = {name: c for name, c in clusters.items() if name != "hub"}
        stage = Stage(federation, World(hub, sites), clock, tuple(sites), directory("samples"))
        show = Show(console, hub, clock)
        listener = show.listener()
        played = scenes(clock, listener)
        async with show.running(played):
            await perform(stage, played, listener)
            await show.refresh()
        show.snapshot()
        console.print(closing(played))
        total = time.monotonic() - begun
        seconds = {"bringUp": brought_up, "scenes": total - brought_up, "total": total}
        path = root / "report.json"
        write(path, report(await _fleet(hub), await _fleets(sites), played, seconds))
        return Result(played, path)


@contextlib.asynccontextmanager
async def _clusters(federation: Federation) -> AsyncIterator[dict[str, HttpCluster]]:
    """A connection to each API server, as its administrator: tenant, owner and audience at once."""
    names = ["hub", *federation.state.sites]
    made = {n: HttpCluster(Connection.from_kubeconfig(federation.kubeconfig(n)), timeout=10) for n in names}
    try:
        yield made
    finally:
        await asyncio.gather(*(c.close() for c in made.values()))


async def _fleet(cluster: HttpCluster) -> Fleet:
    """What it holds, or nothing if it is away: a report is written in any case."""
    try:
        return await gather(cluster)
    except ApiError:
        return Fleet()


async def _fleets(sites: Mapping[str, HttpCluster]) -> dict[str, Fleet]:
    found = await asyncio.gather(*(_fleet(c) for c in sites.values()))
    return dict(zip(sites, found, strict=True))
