"""From submission to running and away again, without faults: the shape of the protocol."""

from __future__ import annotations

import pytest

from bodies import mandate
from federated_world import COUNTRIES, TENANT, World
from policloud.api import resources


@pytest.fixture
async def world() -> World:
    world = World()
    await world.set_up()
    return world


async def test_at_most_six_writes_on_the_hub_from_submission_to_running(world: World) -> None:
    await world.hub.hub.prepare()
    await world.submit(3)
    world.hub_api.writes.clear()
    await world.round(4)
    ready = (await world.workload())["status"]["readyReplicas"]
    writes = [w for w in world.hub_api.writes if w[1] != str(resources.POLICLOUD_UNIT)]
    assert ready == 3
    assert len(writes) <= 6, "\n".join(map(str, writes))
    world.hub_api.writes.clear()
    await world.round(2)
    assert [w for w in world.hub_api.writes if w[1] != str(resources.POLICLOUD_UNIT)] == [], "settled: nothing to write"


async def test_placed_run_and_deleted(world: World) -> None:
    await world.submit(3)
    await world.round(4)
    assert sum(world.running().values()) == 3
    body = await world.workload()
    ready = next(c for c in body["status"]["conditions"] if c["type"] == "Ready")
    assert (ready["status"], ready["reason"]) == ("True", "Running"), ready
    assert body["status"]["readyReplicas"] == 3

    await world.hub_api.delete(resources.SOVEREIGN_WORKLOAD, TENANT, "app")
    await world.round(4)
    assert sum(world.running().values()) == 0
    assert (await world.hub_api.list(resources.SOVEREIGN_WORKLOAD)).items == []
    assert all(o["status"]["state"] == "Released" for o in await world.offers())


async def test_shared_over_units_where_one_is_too_small(world: World) -> None:
    await world.submit(20)
    await world.round(5)
    assert world.running() == {"alpha": 16, "beta": 4} or world.running() == {"alpha": 4, "beta": 16}
    assert await world.ready() == ("True", "Running")


async def test_more_than_there_is_waits_for_capacity(world: World) -> None:
    await world.submit(40)
    await world.round(5)
    assert sum(world.running().values()) == 32
    assert await world.ready() == ("False", "WaitingForCapacity")


async def test_scaled_up_and_down_in_place(world: World) -> None:
    await world.submit(3)
    await world.round(4)
    await world.edit({"inference": {"replicas": 5}})
    await world.round(4)
    assert sorted(world.running().values()) == [0, 5]
    await world.edit({"inference": {"replicas": 2}})
    await world.round(4)
    assert sorted(world.running().values()) == [0, 2]
    assert len(await world.offers()) == 1, "one offer, three sequences"
    assert (await world.workload())["status"]["replicas"] == 2


async def test_an_edit_of_the_template_reaches_the_site(world: World) -> None:
    await world.submit(2)
    await world.round(4)
    template = {"spec": {"containers": [{"name": "server", "image": "registry.example.org/app:2"}]}}
    await world.edit({"inference": {"template": template}})
    await world.round(3)
    [local] = [b for s in world.sites.values() for b in s.local()]
    assert local["spec"]["inference"]["template"] == template


async def test_a_changed_law_moves_the_work_after_its_release(world: World) -> None:
    await world.submit(2)
    await world.round(4)
    [there] = [n for n, count in world.running().items() if count]
    other = "beta" if there == "alpha" else "alpha"
    await world.edit({"sovereignty": {"location": {"allow": [COUNTRIES[other]]}}})
    await world.round(1)
    assert world.running() == {there: 2, other: 0}, "a drain takes its notice, and nothing starts before it is over"
    await world.wait(60)
    assert world.running() == {there: 0, other: 2}
    assert await world.ready() == ("True", "Running")


async def test_consent_withdrawn_drains_by_notice_and_goes_elsewhere(world: World) -> None:
    await world.submit(2)
    await world.round(4)
    [there] = [n for n, count in world.running().items() if count]
    other = "beta" if there == "alpha" else "alpha"
    api = world.site_apis[there]
    await api.merge_patch(resources.SITE_MANDATE, "policloud-system", "all", {"spec": mandate("another")["spec"]})
    await world.sites[there].sync()
    await world.sites[there].mandates.reconcile(("policloud-system", "all"))
    await world.round(2)
    assert await world.ready() == ("False", "Draining")
    await world.wait(90)
    assert world.running() == {there: 0, other: 2}
    [released] = [o for o in await world.offers() if o["metadata"]["namespace"] == f"site-{there}"]
    assert (released["status"]["state"], released["status"]["reason"]) == ("Released", "RefusedByMandate")


async def test_a_deleted_mandate_stops_acceptance_and_drains_nothing(world: World) -> None:
    await world.submit(2)
    await world.round(4)
    before = world.running()
    for name, api in world.site_apis.items():
        await api.delete(resources.SITE_MANDATE, "policloud-system", "all")
        await world.sites[name].sync()
        await world.sites[name].mandates.reconcile(("policloud-system", "all"))
    await world.submit(1, name="late")
    await world.wait(100)
    assert world.running() == before
    assert (await world.ready("late"))[1] == "Refused"


async def test_free_work_of_a_lost_site_is_placed_elsewhere_and_ended_on_return(world: World) -> None:
    await world.submit(2, mobility="Free")
    await world.submit(2, name="pinned", mobility="Pinned")
    await world.round(4)
    there = next(n for n, s in world.sites.items() if any(b["metadata"]["name"].startswith("app") for b in s.local()))
    other = "beta" if there == "alpha" else "alpha"
    lost = world.sites.pop(there)
    await world.wait(400)
    assert [
        b["spec"]["inference"]["replicas"]
        for b in world.sites[other].local()
        if b["metadata"]["name"].startswith("app")
    ] == [2]
    pinned = [b for s in (lost, *world.sites.values()) for b in s.local() if b["metadata"]["name"].startswith("pinned")]
    assert len(pinned) == 1, "pinned work is never started a second time"
    world.sites[there] = lost
    await world.wait(60)
    assert [b for b in lost.local() if b["metadata"]["name"].startswith("app")] == []


async def test_a_site_owner_may_end_the_work(world: World) -> None:
    await world.submit(2)
    await world.round(4)
    there = next(s for s in world.sites.values() if s.local())
    [local] = there.local()
    await world.site_apis[there.name].delete(
        resources.SOVEREIGN_WORKLOAD, local["metadata"]["namespace"], local["metadata"]["name"]
    )
    await world.round(1)
    offer = next(o for o in await world.offers() if o["metadata"]["namespace"] == there.namespace)
    assert (offer["status"]["state"], offer["status"]["reason"]) == ("Released", "EndedAtSite")
