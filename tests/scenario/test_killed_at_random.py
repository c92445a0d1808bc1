"""Hub and sites are killed with SIGKILL at fifty random moments: the end is that of the undisturbed run."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from killed import ASKED, DELETED, REFUSED, SCALED, SITES, Killer, Witness, Worlds, differences, twice, workloads
from policloud.adapters.clock import SystemClock
from policloud.adapters.kube.client import HttpCluster
from policloud.adapters.kube.connection import Connection
from policloud.api import resources
from policloud.ports import NotFoundError
from policloud.testing.local import Federation

KILLS = 50
SEED = int(os.environ.get("POLICLOUD_SEED", "1"))
UNDISTURBED, DISTURBED = "sante-06", "notaires-21"  # both are let in by both sites
LONGEST = {"hub": 4.0, "site:cannes": 3.0, "site:dijon": 3.0}  # seconds that a process lives after its first answer
EDIT_AFTER, DELETE_AFTER = 28, 36  # kills
_POLL, _SETTLES_WITHIN = 0.5, 90.0


@contextlib.asynccontextmanager
async def _worlds(federation: Federation) -> AsyncIterator[Worlds]:
    clusters = {n: HttpCluster(Connection.from_kubeconfig(federation.kubeconfig(n))) for n in ("hub", *SITES)}
    try:
        yield Worlds(clusters["hub"], {site: clusters[site] for site in SITES})
    finally:
        await asyncio.gather(*(cluster.close() for cluster in clusters.values()))


async def _tell_story(worlds: Worlds, tenant: str, moment: Callable[[int], Any]) -> None:
    """Ten are submitted, one is scaled, one is deleted; `moment(n)`: when n kills have happened."""
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": tenant}}
    await worlds.hub.create(resources.NAMESPACE, namespace)
    for number, body in enumerate(workloads(tenant)):
        await moment(2 * number)
        await worlds.hub.create(resources.SOVEREIGN_WORKLOAD, body)
    await moment(EDIT_AFTER)
    scale = {"spec": {"inference": {"replicas": ASKED[SCALED]}}}
    await worlds.hub.merge_patch(resources.SOVEREIGN_WORKLOAD, tenant, SCALED, scale, manager="tenant")
    await moment(DELETE_AFTER)
    await worlds.hub.delete(resources.SOVEREIGN_WORKLOAD, tenant, DELETED)


async def _until(what: Callable[[], Any], seconds: float) -> None:
    """Until `what` has nothing left to say; AssertionError with what it said last."""
    clock = SystemClock()
    end = clock.monotonic() + seconds
    while lacking := await what():
        assert clock.monotonic() < end, "\n".join([f"not within {seconds:.0f} s:", *lacking])
        await clock.sleep(_POLL)


async def _unready(worlds: Worlds, tenant: str, *, deleted: bool) -> list[str]:
    lacking = []
    for body in workloads(tenant):
        name = body["metadata"]["name"]
        if deleted and name == DELETED:
            continue
        try:
            now = await worlds.hub.get(resources.SOVEREIGN_WORKLOAD, tenant, name)
        except NotFoundError:
            lacking.append(f"{name} is not there")
            continue
        status = now.get("status") or {}
        ready = [(c["status"], c["reason"]) for c in status.get("conditions", ()) if c["type"] == "Ready"]
        wanted = ready == [("False", "NoUnitAllowed")] if name == REFUSED else bool(ready) and ready[0][0] == "True"
        asked = now["spec"].get("inference", {}).get("replicas", status.get("readyReplicas"))
        if not wanted or (name != REFUSED and status.get("readyReplicas") != asked):
            lacking.append(f"{name}: {ready}, {status.get('readyReplicas')} ready")
    return lacking


async def _unsettled(worlds: Worlds, tenant: str, seen: list[Any]) -> list[str]:
    """Anything that is on its way, or has changed since the last look but one."""
    lacking = await _unready(worlds, tenant, deleted=True)
    end = await worlds.end(tenant)
    moving = [line for lines in end.values() for line in lines if "Draining" in line or "Pending" in line]
    gone = [f"{DELETED} is there" for line in end["workloads"] if line.startswith(f"{DELETED}:")]
    seen.append(end)
    changed = [] if len(seen) > 4 and all(before == end for before in seen[-4:]) else ["not quiet yet"]
    return [*lacking, *moving, *gone, *changed]


async def _undisturbed(worlds: Worlds) -> dict[str, Any]:
    async def moment(kills: int) -> None:
        if kills >= EDIT_AFTER:
            await _until(lambda: _unready(worlds, UNDISTURBED, deleted=False), _SETTLES_WITHIN)

    await _tell_story(worlds, UNDISTURBED, moment)
    seen: list[Any] = []
    await _until(lambda: _unsettled(worlds, UNDISTURBED, seen), _SETTLES_WITHIN)
    return dict(seen[-1])


@pytest.mark.timeout(420)
async def test_killed_at_fifty_random_moments_the_end_is_that_of_the_undisturbed_run(
    make_federation: Callable[..., Federation], record_property: Callable[[str, object], None]
) -> None:
    federation = await asyncio.to_thread(make_federation, only=SITES)
    async with _worlds(federation) as worlds:
        witness, watching = Witness(worlds.sites), asyncio.Event()
        seeing = asyncio.create_task(witness.run(watching))
        await asyncio.wait_for(watching.wait(), 30)
        expected = await _undisturbed(worlds)
        before = {uid for uids in (*witness.made.values(), *witness.ever.values()) for uid in uids} - witness.gone

        killer = Killer(federation, SEED, KILLS, LONGEST)
        async with asyncio.TaskGroup() as group:
            group.create_task(killer.run())
            group.create_task(_tell_story(worlds, DISTURBED, killer.after))
        record_property("kills", dict(killer.kills))
        assert killer.kills.total() == KILLS

        async def lacking() -> list[str]:
            return [
                *differences(expected, await worlds.end(DISTURBED)),
                *twice(witness, await worlds.offers(DISTURBED)),
            ]

        await _until(lacking, _SETTLES_WITHIN)
        assert twice(witness, await worlds.offers(UNDISTURBED)) == []
        assert before & witness.gone == set(), "what ran before the killing was touched"
        assert not seeing.done(), seeing.exception()
        seeing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await seeing
