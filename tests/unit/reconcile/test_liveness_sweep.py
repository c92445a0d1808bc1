"""The hub's sweep: fresh reads before a site is given up, and blind gaps that are held against nobody."""

from typing import Any

from policloud.api.resources import LEASE, SITE_MEMBERSHIP
from policloud.domain.federation.liveness import LivenessSettings, Reach
from policloud.ports import Body, TransientError
from policloud.reconcile.hub.sites import Sites
from policloud.reconcile.hub.sweep import LivenessSweep
from policloud.runtime.store import Store
from policloud.testing.clock import VirtualClock
from policloud.testing.fake import FakeCluster


class Hub(FakeCluster):
    """Can be away."""

    away = False

    async def get(self, *given: Any) -> Body:
        if self.away:
            raise TransientError("refused")
        return await super().get(*given)


class Bench:
    def __init__(self, *names: str) -> None:
        self.clock, self.store, self.cluster = VirtualClock(), Store(), Hub()
        self.sites = Sites(self.store, self.clock, LivenessSettings())
        self.changed: list[str] = []
        self.sweeper = LivenessSweep(self.cluster, self.sites, self.clock, self.changed.append)
        self.beat = 0
        for name in names:
            body = {
                "metadata": {"name": name, "namespace": f"site-{name}", "uid": name, "resourceVersion": "1"},
                "spec": {"accepted": True, "publicKey": "ed25519:key"},
            }
            self.store.upsert(str(SITE_MEMBERSHIP), body)

    async def renew(self, name: str, *, watched: bool = True) -> None:
        """The site renews; `watched`: the hub's watch tells of it."""
        self.beat += 1
        body = {
            "apiVersion": "coordination.k8s.io/v1",
            "kind": "Lease",
            "metadata": {"name": "policloud-site", "namespace": f"site-{name}"},
            "spec": {"holderIdentity": "x", "renewTime": f"1999-01-01T00:00:{self.beat:02}Z"},
        }
        lease = await self.cluster.apply(LEASE, body, manager="site")
        if watched:
            self.sites.heard(lease)

    async def start(self, *names: str) -> None:
        for _ in range(2):  # the first sight of a Lease proves nothing
            for name in names:
                await self.renew(name)

    async def sweep_for(self, seconds: int, step: int = 5) -> None:
        for _ in range(0, seconds, step):
            self.clock.advance_now(step)
            await self.sweeper.sweep()

    def reach(self, name: str) -> Reach:
        return self.sites.state(name).reach

    def may_move(self, name: str) -> bool:
        return self.sites.state(name).moves_allowed


async def test_silence_is_confirmed_before_work_may_move() -> None:
    bench = Bench("a")
    await bench.start("a")
    await bench.sweep_for(55)
    assert bench.reach("a") is Reach.REACHABLE
    await bench.sweep_for(5)
    assert bench.reach("a") is Reach.UNREACHABLE
    assert not bench.sites.state("a").offers_allowed
    await bench.sweep_for(235)
    assert not bench.may_move("a")
    await bench.sweep_for(10)
    assert bench.may_move("a")
    assert bench.changed.count("a") >= 3
    await bench.renew("a")
    assert bench.reach("a") is Reach.REACHABLE
    assert not bench.may_move("a")


async def test_a_watch_that_has_gone_deaf_loses_no_site() -> None:
    bench = Bench("a")
    await bench.start("a")
    for _ in range(60):
        await bench.renew("a", watched=False)
        await bench.sweep_for(10)
    assert bench.reach("a") is Reach.REACHABLE


async def test_while_the_hub_is_blind_and_just_after_nothing_may_move() -> None:
    bench = Bench("a", "b", "c", "d")
    await bench.start("a", "b", "c", "d")
    bench.cluster.away = True
    await bench.sweep_for(600)
    assert not any(bench.may_move(name) for name in "abcd")
    bench.cluster.away = False
    await bench.sweep_for(5)
    assert all(bench.reach(name) is Reach.REACHABLE for name in "abcd")
    assert bench.sites.assessment().holding
    await bench.sweep_for(290)
    assert not any(bench.may_move(name) for name in "abcd")


async def test_a_process_that_stood_still_starts_its_waits_anew() -> None:
    bench = Bench("a")
    await bench.start("a")
    await bench.sweeper.sweep()
    bench.clock.advance_now(3600)
    await bench.sweeper.sweep()
    assert bench.reach("a") is Reach.REACHABLE
    assert not bench.may_move("a")


async def test_many_sites_lost_at_once_move_nothing_and_new_work_is_still_placed() -> None:
    names = [f"s{i}" for i in range(8)]
    bench = Bench(*names)
    await bench.start(*names)
    for _ in range(70):
        await bench.sweep_for(5)
        for name in names[3:]:
            await bench.renew(name)
    assert [bench.reach(name) for name in names[:3]] == [Reach.UNREACHABLE] * 3
    assert bench.sites.assessment().suspects_itself
    assert not any(bench.may_move(name) for name in names)
    assert bench.sites.placing_allowed
    await bench.renew(names[0])
    await bench.sweep_for(5)
    assert bench.may_move(names[1])


async def test_the_times_that_sites_write_are_never_read() -> None:
    bench = Bench("a")
    await bench.start("a")  # they say 1999
    assert bench.reach("a") is Reach.REACHABLE
    assert bench.sites.last_heard("a") == 0.0
