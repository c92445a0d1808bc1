"""Killed after any single write, of hub or site, to its own server or the other's: the end is as if undisturbed.

One placement, then one move by law. Exhaustive: every write of the undisturbed run is once the last of a process.
"""

from __future__ import annotations

from typing import Any

from federated import HubProcess, SiteProcess
from federated_world import COUNTRIES, World
from policloud.ports import Cluster
from policloud.testing.faults import QUIET, CrashError, FaultyCluster

End = tuple[Any, ...]
PLACES = ("hub", "alpha", "alpha>hub", "beta", "beta>hub")


class MortalWorld(World):
    """`dies`: (place, n): the process that writes there dies after its n-th write, once; a new one follows."""

    def __init__(self, dies: tuple[str, int] | None = None) -> None:
        self.dies = dies
        self.counted: dict[str, FaultyCluster] = {}
        self.deaths = 0
        super().__init__()

    def _mortal(self, place: str, cluster: Cluster) -> Cluster:
        after = self.dies[1] if self.dies and self.dies[0] == place and not self.deaths else None
        faulty = FaultyCluster(cluster, QUIET, clock=self.clock, crash_after=after)
        self.counted[place] = faulty
        return faulty

    def new_hub(self) -> HubProcess:
        return HubProcess(self._mortal("hub", self.hub_api), self.clock)

    def new_site(self, name: str) -> SiteProcess:
        own, hub = self._mortal(name, self.site_apis[name]), self._mortal(f"{name}>hub", self.hub_api)
        return SiteProcess(name, own, hub, self.clock, self.keys[name])

    async def round(self, times: int = 1) -> None:
        for _ in range(times):
            for name in self.sites:
                try:
                    await self.sites[name].step()
                    await self.sites[name].publish()
                except CrashError:
                    self.deaths += 1
                    self.sites[name] = self.new_site(name)
            try:
                await self.hub.sync()
                self.hub.hear(*self.sites)
                await self.hub.step()
            except CrashError:
                self.deaths += 1
                self.hub = self.new_hub()
                await self.hub.sync()
                self.hub.hear(*self.sites)
                await self.clock.advance(16)  # a hub that has just started looks before it places
                self.hub.hear(*self.sites)


async def story(world: MortalWorld) -> End:
    await world.set_up()
    await world.submit(3)
    await world.round(6)
    await world.edit({"sovereignty": {"location": {"allow": [COUNTRIES["beta"]]}}})
    await world.wait(60)
    await world.round(4)  # one that died late may say what it had to say
    placements = (await world.workload())["status"]["placements"]
    places = tuple((p["unit"], p["replicas"], p["readyReplicas"], p["state"]) for p in placements)
    open_offers = [o for o in await world.offers() if not over(o)]
    return await world.ready(), places, tuple(sorted(world.running().items())), len(open_offers)


def over(offer: dict[str, Any]) -> bool:
    status = offer.get("status") or {}
    return status.get("state") == "Released" or (offer["spec"]["withdrawn"] and not status.get("running"))


async def test_every_single_write_may_be_the_last_of_its_process() -> None:
    undisturbed = MortalWorld()
    expected = await story(undisturbed)
    assert expected == (("True", "Running"), (("beta-1", 3, 3, "Running"),), (("alpha", 0), ("beta", 3)), 1)
    writes = {place: undisturbed.counted[place].writes for place in PLACES}
    assert sum(writes.values()) > 25, writes
    for place in PLACES:
        for number in range(1, writes[place] + 1):
            world = MortalWorld((place, number))
            end = await story(world)
            assert world.deaths == 1, (place, number)
            assert end == expected, (place, number, [o["spec"] for o in await world.offers()])
