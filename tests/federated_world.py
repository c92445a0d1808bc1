"""One hub and two sites of one unit each on fake API servers, moved on by the round."""

from __future__ import annotations

from typing import Any

from bodies import inference, mandate, membership, node, unit
from federated import HubProcess, SiteProcess
from policloud.api import resources
from policloud.domain.federation.keys import SigningKey
from policloud.ports import Body
from policloud.testing.clock import VirtualClock
from policloud.testing.fake import FakeCluster

TENANT = "town"
COUNTRIES = {"alpha": "FR", "beta": "ES"}


class World:
    """One hub, two sites of one unit each, on fake API servers."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.hub_api = FakeCluster(self.clock)
        self.site_apis = {n: FakeCluster(self.clock) for n in ("alpha", "beta")}
        self.keys = {n: SigningKey(n.encode().ljust(32, b"0")) for n in self.site_apis}
        self.hub = self.new_hub()
        self.sites = {n: self.new_site(n) for n in self.site_apis}

    def new_hub(self) -> HubProcess:
        return HubProcess(self.hub_api, self.clock)

    def new_site(self, name: str) -> SiteProcess:
        return SiteProcess(name, self.site_apis[name], self.hub_api, self.clock, self.keys[name])

    async def set_up(self) -> None:
        for name, api in self.site_apis.items():
            mine = unit(f"{name}-1", country=COUNTRIES[name])
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

    async def workload(self, name: str = "app") -> Body:
        return await self.hub_api.get(resources.SOVEREIGN_WORKLOAD, TENANT, name)

    async def offers(self) -> list[Body]:
        return (await self.hub_api.list(resources.WORK_OFFER)).items

    def running(self) -> dict[str, int]:
        return {n: sum(b["spec"]["inference"]["replicas"] for b in s.local()) for n, s in self.sites.items()}

    async def submit(self, replicas: int, name: str = "app", **options: Any) -> None:
        await self.hub_api.create(resources.SOVEREIGN_WORKLOAD, inference(name, TENANT, replicas, **options))

    async def edit(self, change: dict[str, Any], name: str = "app") -> None:
        await self.hub_api.merge_patch(resources.SOVEREIGN_WORKLOAD, TENANT, name, {"spec": change})

    async def ready(self, name: str = "app") -> tuple[str, str]:
        conditions = (await self.workload(name))["status"]["conditions"]
        found = next(c for c in conditions if c["type"] == "Ready")
        return found["status"], found["reason"]

    async def wait(self, seconds: float) -> None:
        """Time passes in steps of a renewal, everybody at work."""
        for _ in range(int(seconds // 10) + 1):
            await self.clock.advance(10)
            await self.round()
