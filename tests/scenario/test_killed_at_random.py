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

KILLS = {"placing": 26, "scaling": 12, "deleting": 12}
SEED = int(os.environ.get("POLICLOUD_SEED", "1"))  # of all moments; the test prints it where it fails
UNDISTURBED, DISTURBED = "sante-06", "notaires-21"  # both are let in by both sites
# Seconds that a process lives after its first answer, at most. A hub places only once the sites have echoed.
LONGEST = {"hub": 16.0, "site:cannes": 5.0, "site:dijon": 5.0}
_POLL, _SETTLES_WITHIN = 0.5, 90.0


@contextlib.asynccontextmanager
async def _worlds(federation: Federation) -> AsyncIterator[Worlds]:
    clusters = {n: HttpCluster(Connection.from_kubeconfig(federation.kubeconfig(n))) for n in ("hub", *SITES)}
    try:
        yield Worlds(clusters["hub"], {site: clusters[site] for site in SITES})
    finally:
        await asyncio.gather(*(cluster.close() for cluster in clusters.values()))


async def _submit(worlds: Worlds, tenant: str, killer: Killer | None = None) -> None:
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": tenant}}
    await worlds.hub.create(resources.NAMESPACE, namespace)
    for number, body in enumerate(workloads(tenant)):
        if killer:
            await killer.after(2 * number)
        await worlds.hub.create(resources.SOVEREIGN_WORKLOAD, body)


async def _scale(worlds: Worlds, tenant: str) -> None:
    change = {"spec": {"inference": {"replicas": ASKED[SCALED]}}}
    await worlds.hub.merge_patch(resources.SOVEREIGN_WORKLOAD, tenant, SCALED, change, manager="tenant")


async def _delete(worlds: Worlds, tenant: str) -> None:
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


async def _undisturbed(worlds: Worlds, tenant: str) -> dict[str, Any]:
    await _submit(worlds, tenant)
    await _until(lambda: _unready(worlds, tenant, deleted=False), _SETTLES_WITHIN)
    await _scale(worlds, tenant)
    await _until(lambda: _unready(worlds, tenant, deleted=False), _SETTLES_WITHIN)
    await _delete(worlds, tenant)
    seen: list[Any] = []
    await _until(lambda: _unsettled(worlds, tenant, seen), _SETTLES_WITHIN)
    return dict(seen[-1])


async def _disturbed(worlds: Worlds, tenant: str, killer: Killer) -> None:
    """Everything is running when the edit comes: its kills then hit an edit, not what is left of the submissions."""
    await asyncio.gather(killer.run(KILLS["placing"]), _submit(worlds, tenant, killer))
    await _until(lambda: _unready(worlds, tenant, deleted=False), _SETTLES_WITHIN)
    await asyncio.gather(killer.run(KILLS["scaling"]), _scale(worlds, tenant))
    await asyncio.gather(killer.run(KILLS["deleting"]), _delete(worlds, tenant))


@pytest.mark.timeout(420)
async def test_killed_at_fifty_random_moments_the_end_is_that_of_the_undisturbed_run(
    make_federation: Callable[..., Federation],
) -> None:
    federation = await asyncio.to_thread(make_federation, only=SITES)
    async with _worlds(federation) as worlds:
        witness, watching = Witness(worlds.sites), asyncio.Event()
        seeing = asyncio.create_task(witness.run(watching))
        await asyncio.wait_for(watching.wait(), 30)
        expected = await _undisturbed(worlds, UNDISTURBED)
        before = {uid for uids in (*witness.made.values(), *witness.ever.values()) for uid in uids} - witness.gone

        killer = Killer(federation, SEED, LONGEST)
        await _disturbed(worlds, DISTURBED, killer)
        print(f"seed {SEED}, kills {dict(killer.kills)}")  # noqa: T201 - shown where the test fails
        assert killer.kills.total() == sum(KILLS.values()) == 50

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
