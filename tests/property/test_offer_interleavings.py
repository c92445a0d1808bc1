"""Random orders of everything that may happen: never more runs than may, nothing is lost, nothing is done twice."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from federated import HubProcess, SiteProcess
from federated_world import COUNTRIES, World
from hunted import Gate, GatedCluster
from policloud.api import resources

SITES = st.sampled_from(sorted(COUNTRIES))
NAME = ("town", "app")


class GatedWorld(World):
    def __init__(self) -> None:
        self.gate = Gate()
        super().__init__()

    def new_hub(self) -> HubProcess:
        return HubProcess(GatedCluster(self.hub_api, "hub", self.gate), self.clock)

    def new_site(self, name: str) -> SiteProcess:
        own = GatedCluster(self.site_apis[name], name, self.gate)
        return SiteProcess(name, own, GatedCluster(self.hub_api, "hub", self.gate), self.clock, self.keys[name])


class Offers(RuleBasedStateMachine):
    """`asked` bounds what may run: after a scaling down, the larger number until it is accepted."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.world = GatedWorld()
        self.wanted = 0

    def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(work)

    @initialize(replicas=st.integers(1, 20))
    def begin(self, replicas: int) -> None:
        self.do(self.world.set_up())
        self.wanted = self.world.gate.asked[NAME] = replicas
        self.do(self.world.submit(replicas))

    @rule()
    def hub(self) -> None:
        self.do(self.world.hub.step())

    @rule()
    def hub_works_from_what_it_knows(self) -> None:
        for key in [*self.world.hub.keys()]:
            self.do(self.world.hub.reconcile(key))

    @rule(site=SITES)
    def site(self, site: str) -> None:
        self.do(self.world.sites[site].step())

    @rule(site=SITES)
    def site_works_from_what_it_knows(self, site: str) -> None:
        for key in [*self.world.sites[site].keys()]:
            self.do(self.world.sites[site].reconcile(key))

    @rule(site=SITES)
    def publish(self, site: str) -> None:
        self.do(self.world.sites[site].publish())

    @rule()
    def hub_restarts(self) -> None:
        self.world.hub = self.world.new_hub()
        self.do(self.world.hub.sync())
        self.world.hub.hear(*COUNTRIES)
        self.do(self.world.clock.advance(16))
        self.world.hub.hear(*COUNTRIES)

    @rule(site=SITES)
    def site_restarts(self, site: str) -> None:
        self.world.sites[site] = self.world.new_site(site)
        self.do(self.world.sites[site].sync())

    @rule(seconds=st.sampled_from([1, 10, 35]))
    def time_passes(self, seconds: int) -> None:
        self.do(self.world.clock.advance(seconds))
        self.world.hub.hear(*COUNTRIES)

    @precondition(lambda self: self.wanted)
    @rule(replicas=st.integers(1, 20))
    def scale(self, replicas: int) -> None:
        self.wanted = replicas
        self.world.gate.asked[NAME] = max(self.world.gate.asked[NAME], replicas)
        self.do(self.world.edit({"inference": {"replicas": replicas}}))

    @precondition(lambda self: self.wanted)
    @rule(allow=st.sampled_from([["FR"], ["ES"], ["FR", "ES"]]))
    def law(self, allow: list[str]) -> None:
        self.do(self.world.edit({"sovereignty": {"location": {"allow": allow}}}))

    @invariant()
    def nothing_runs_that_may_not(self) -> None:
        if self.world.gate.failure is not None:
            raise self.world.gate.failure

    def teardown(self) -> None:
        """However it went, it ends as the last edit says; and then there is nothing more to write."""
        try:
            if self.wanted:
                self.hub_restarts()
                self.do(self.world.wait(300))
                self._ended()
        finally:
            self.loop.close()

    def _ended(self) -> None:
        world = self.world
        self.nothing_runs_that_may_not()
        lawful = self.do(world.workload())["spec"]["sovereignty"]["location"]["allow"]
        expected = min(self.wanted, 16 * len(lawful))
        assert sum(world.running().values()) == expected, (self.wanted, lawful, world.running())
        assert all(not count or COUNTRIES[name] in lawful for name, count in world.running().items())
        world.hub_api.writes.clear()
        self.do(world.round(2))
        mine = {str(resources.WORK_OFFER), str(resources.SOVEREIGN_WORKLOAD)}
        assert [w for w in world.hub_api.writes if w[1] in mine] == [], "settled: nothing to write"


TestOffers = Offers.TestCase
TestOffers.settings = settings(
    max_examples=20, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
