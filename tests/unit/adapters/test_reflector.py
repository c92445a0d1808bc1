import asyncio
from collections.abc import AsyncIterator

import pytest

from policloud.adapters.kube.caching import StoringCluster
from policloud.adapters.kube.reflector import Reflector
from policloud.api.resources import CONFIG_MAP, SECRET
from policloud.ports import Body, Listing, TransientError
from policloud.runtime.store import Key, Store, key_of
from policloud.testing.clock import VirtualClock
from policloud.testing.fake import FakeCluster

KIND = "hub/configmaps"


def config(name: str, namespace: str = "a", **data: str) -> Body:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"namespace": namespace, "name": name},
        "data": data,
    }


class Flaky(FakeCluster):
    down = False

    async def list(self, *args: object, **options: object) -> Listing:
        if self.down:
            raise TransientError("refused")
        return await super().list(*args, **options)  # type: ignore[arg-type]


class Rig:
    def __init__(self, namespace: str | None = None) -> None:
        self.clock, self.store, self.cluster = VirtualClock(), Store(), Flaky()
        self.told: list[Key] = []
        self.stop = asyncio.Event()
        self.reflector = Reflector(
            self.cluster,
            CONFIG_MAP,
            namespace,
            store=self.store,
            kind=KIND,
            on_change=lambda b: self.told.append(key_of(b)),
            timers=self.clock,
        )
        self.task = asyncio.ensure_future(self.reflector.run(self.stop))

    def names(self) -> set[str]:
        return {b["metadata"]["name"] for b in self.store.list(KIND)}


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    rig = Rig()
    yield rig
    rig.stop.set()
    await rig.task


async def test_it_follows_and_tells_deletions(rig: Rig) -> None:
    await rig.cluster.create(CONFIG_MAP, config("a"))
    await rig.clock.settle()
    assert rig.names() == {"a"}
    assert rig.store.synced(KIND)
    await rig.cluster.create(CONFIG_MAP, config("b"))
    await rig.cluster.delete(CONFIG_MAP, "a", "a")
    await rig.clock.settle()
    assert rig.names() == {"b"}
    assert rig.told == [("a", "a"), ("a", "b"), ("a", "a")]


async def test_what_a_compaction_hides_is_told(rig: Rig) -> None:
    for name in "abc":
        await rig.cluster.create(CONFIG_MAP, config(name))
    await rig.clock.settle()
    rig.told.clear()
    rig.cluster.drop_watches()
    await rig.cluster.delete(CONFIG_MAP, "a", "b")
    rig.cluster.compact()
    await rig.clock.advance(2)
    assert rig.names() == {"a", "c"}
    assert rig.told == [("a", "b")]


async def test_a_server_that_is_away_deletes_nothing(rig: Rig) -> None:
    await rig.cluster.create(CONFIG_MAP, config("a"))
    await rig.clock.settle()
    assert rig.reflector.connected
    rig.cluster.down = True
    rig.cluster.compact()
    await rig.cluster.delete(CONFIG_MAP, "a", "a")
    rig.cluster.compact()
    await rig.clock.advance(300)
    assert rig.names() == {"a"}
    assert not rig.reflector.connected
    rig.cluster.down = False
    await rig.clock.advance(60)
    assert rig.names() == set()


async def test_a_kind_that_is_installed_later(rig: Rig) -> None:
    rig.cluster.missing.add("configmaps")
    await rig.clock.advance(120)
    assert not rig.store.synced(KIND)
    rig.cluster.missing.clear()
    await rig.cluster.create(CONFIG_MAP, config("a"))
    await rig.clock.advance(120)
    assert rig.names() == {"a"}


async def test_own_writes_are_stored_at_once_and_wake_the_others(rig: Rig) -> None:
    await rig.clock.settle()
    storing = StoringCluster(rig.cluster, rig.store, prefix="hub/")
    await storing.create(CONFIG_MAP, config("a"))
    assert rig.names() == {"a"}
    assert rig.told == [("a", "a")]
    await rig.clock.settle()
    assert rig.told == [("a", "a")], "the watch's event for it is no news"


async def test_own_writes_out_of_every_feeds_sight_are_not_stored() -> None:
    rig = Rig(namespace="seen")
    storing = StoringCluster(rig.cluster, rig.store, prefix="hub/")
    await storing.create(CONFIG_MAP, config("a", "unseen"))
    await storing.create(SECRET, {**config("s"), "kind": "Secret"})
    await rig.clock.settle()
    assert rig.names() == set()
    assert rig.store.list("hub/secrets") == []
    rig.stop.set()
    await rig.task
