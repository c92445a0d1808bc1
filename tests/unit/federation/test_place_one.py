"""From submission to running and away again, without faults: the shape of the protocol."""

from __future__ import annotations

import pytest

from federated import (
    HubProcess,
    SiteProcess,
    inference,
    mandate,
    membership,
    node,
    unit,
)
from policloud.api import resources
from policloud.domain.federation.keys import SigningKey
from policloud.testing.clock import VirtualClock
from policloud.testing.fake import FakeCluster

TENANT = "town"


class World:
    """One hub, two sites of one unit each, on fake API servers."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.hub_api = FakeCluster(self.clock)
        self.site_apis = {n: FakeCluster(self.clock) for n in ("alpha", "beta")}
        self.keys = {n: SigningKey(n.encode().ljust(32, b"0")) for n in self.site_apis}
        self.hub = HubProcess(self.hub_api, self.clock)
        self.sites = {n: self.new_site(n) for n in self.site_apis}

    def new_site(self, name: str) -> SiteProcess:
        return SiteProcess(name, self.site_apis[name], self.hub_api, self.clock, self.keys[name])

    async def set_up(self) -> None:
        for name, api in self.site_apis.items():
            mine = unit(f"{name}-1")
            await api.create(resources.POLICLOUD_UNIT, mine)
            for n in range(2):
                await api.create(resources.NODE, node(f"{name}-n{n}", f"{name}-1"))
                body = await api.get(resources.NODE, None, f"{name}-n{n}")
                body["status"] = node("x", "y")["status"]
                await api.replace(resources.NODE, body, subresource="status")
            await api.create(resources.SITE_MANDATE, mandate(TENANT))
            await self.hub_api.create(resources.SITE_MEMBERSHIP, membership(name, self.keys[name], [mine]))
        await self.round()
        await self.clock.advance(16)
        self.hub.hear("alpha", "beta")

    async def round(self, times: int = 1) -> None:
        for _ in range(times):
            for site in self.sites.values():
                await site.step()
                await site.publish()
            await self.hub.sync()
            self.hub.hear(*self.sites)
            await self.hub.step()

    async def workload(self, name: str = "app") -> dict:
        return await self.hub_api.get(resources.SOVEREIGN_WORKLOAD, TENANT, name)

    async def offers(self) -> list[dict]:
        return (await self.hub_api.list(resources.WORK_OFFER)).items

    def running(self) -> dict[str, int]:
        return {n: sum(b["spec"]["inference"]["replicas"] for b in s.local()) for n, s in self.sites.items()}


@pytest.fixture
async def world() -> World:
    world = World()
    await world.set_up()
    return world


async def test_at_most_six_writes_on_the_hub_from_submission_to_running(world: World) -> None:
    await world.hub.hub.prepare()
    await world.hub_api.create(resources.SOVEREIGN_WORKLOAD, inference("app", TENANT, 3))
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
    await world.hub_api.create(resources.SOVEREIGN_WORKLOAD, inference("app", TENANT, 3))
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
