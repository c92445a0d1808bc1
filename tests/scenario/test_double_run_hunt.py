"""The double-run hunt: 100 seeded schedules of delays, lost replies, conflicts and crashes, on real API servers.

Hub and two sites work at once, each behind faults of its own; a gate checks after every write, over all servers at
that very moment, that nothing runs twice, that no more runs than was asked for, and that the hub keeps reserved what
runs. Each schedule must also end as if nothing had gone wrong.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from lanes import Lane
from policloud.adapters.clock import SystemClock
from policloud.adapters.kube.client import HttpCluster
from policloud.adapters.kube.connection import Connection
from policloud.testing.faults import Schedule
from stories import life_and_death

SCHEDULES = 100
LANES = 6
FAULTS = Schedule(0, fail=0.05, lose=0.1, delay=0.2, conflict=0.05, longest=0.1)


async def hunt(planes: dict[str, Any]) -> list[Lane]:
    clock = SystemClock()
    clusters = {n: HttpCluster(Connection.from_kubeconfig(p.kubeconfig)) for n, p in planes.items()}
    sites = {"alpha": clusters["alpha"], "beta": clusters["beta"]}
    lanes = [Lane(f"l{n}", clusters["hub"], sites, clock) for n in range(LANES)]

    async def work(number: int, lane: Lane) -> None:
        await lane.set_up()
        for seed in range(number, SCHEDULES, LANES):
            name = f"app{seed}"
            await lane.run(seed, lambda lane, name=name: life_and_death(lane, name), FAULTS, crashes=seed % 2 == 1)

    try:
        async with asyncio.TaskGroup() as group:
            for number, lane in enumerate(lanes):
                group.create_task(work(number, lane))
    finally:
        for cluster in clusters.values():
            await cluster.close()
    return lanes


@pytest.mark.timeout(600)
def test_no_schedule_runs_anything_twice(make_control_plane: Callable[..., Any]) -> None:
    planes = {name: make_control_plane(name) for name in ("hub", "alpha", "beta")}
    lanes = asyncio.run(hunt(planes))
    assert sum(lane.gate.checks for lane in lanes) > SCHEDULES * 4, "the gate saw work run"
    assert sum(lane.lives for lane in lanes) > 10, "processes died on the way"
