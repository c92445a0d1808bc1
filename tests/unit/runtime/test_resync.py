import asyncio
import random

from policloud.runtime.feed import Feed
from policloud.runtime.resync import Sweeper, SweepTimes
from policloud.runtime.store import Body, Key, Store, key_of
from policloud.testing.clock import VirtualClock

TIMES = SweepTimes(shortest=300, longest=600, late=120, settle=2, retry=1, retry_most=30)


def thing(name: str, version: int) -> Body:
    return {"metadata": {"namespace": "a", "name": name, "uid": f"uid-{name}", "resourceVersion": str(version)}}


class Rig:
    """The server's truth in `server`; `down` makes its lists fail."""

    def __init__(self) -> None:
        self.clock, self.store = VirtualClock(), Store()
        self.server: dict[str, Body] = {}
        self.version = 1
        self.down = False
        self.lists = 0
        self.changed: list[Key] = []
        self.touched: list[Key] = []
        self.missed_log: list[tuple[str, int]] = []
        self.struck_log: list[str] = []
        self.feed = Feed(self.store, "things", lambda b: self.changed.append(key_of(b)))
        self.sweeper = Sweeper(TIMES, timers=self.clock, rng=random.Random(1), metrics=self)  # noqa: S311
        self.sweeper.add("things", self.feed, self.list, lambda b: self.touched.append(key_of(b)))
        self.task = asyncio.ensure_future(self.sweeper.run())

    def missed(self, kind: str, change: str, count: int) -> None:
        assert kind == "things"
        self.missed_log.append((change, count))

    def struck(self, kind: str) -> None:
        self.struck_log.append(kind)

    async def list(self) -> tuple[list[Body], str]:
        self.lists += 1
        if self.down:
            raise OSError("refused")
        return [*self.server.values()], str(self.version)

    def put(self, name: str) -> Body:
        self.version += 1
        self.server[name] = thing(name, self.version)
        return self.server[name]

    def drop(self, name: str) -> None:
        self.version += 1
        del self.server[name]

    def tell(self, body: Body) -> None:
        """As the watch does."""
        self.sweeper.delivered("things", body)
        self.feed.upsert(body)

    async def end(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


async def test_a_missed_deletion_is_found_by_the_next_sweep() -> None:
    rig = Rig()
    for name in "ab":
        rig.put(name)
    await rig.clock.settle()
    for body in [*rig.server.values()]:
        rig.tell(body)
    rig.drop("a")
    await rig.clock.advance(601)
    assert rig.store.get("things", ("a", "a")) is None
    assert rig.missed_log == [("deleted", 1)]
    assert rig.struck_log == [], "Kopf never tells these: it says nothing about the watch"
    assert ("a", "b") in rig.touched
    await rig.end()


async def test_a_failed_list_deletes_nothing_and_is_tried_again() -> None:
    rig = Rig()
    rig.put("a")
    await rig.clock.settle()
    rig.tell(rig.server["a"])
    rig.down = True
    rig.drop("a")
    await rig.clock.advance(660)
    assert rig.store.get("things", ("a", "a")) is not None
    assert rig.lists > 3
    rig.down = False
    await rig.clock.advance(60)
    assert rig.store.get("things", ("a", "a")) is None
    await rig.end()


async def test_not_synced_before_the_first_good_list() -> None:
    rig = Rig()
    rig.down = True
    await rig.clock.advance(30)
    assert rig.sweeper.unsynced() == {"things": "refused"}
    rig.down = False
    await rig.clock.advance(31)
    assert rig.sweeper.unsynced() == {}
    assert rig.store.synced("things")
    await rig.end()


async def test_a_deaf_watch_gets_two_strikes_and_is_dead() -> None:
    rig = Rig()
    await rig.clock.settle()
    rig.put("a")
    await rig.clock.advance(601)
    assert rig.store.get("things", ("a", "a")) is not None, "found all the same"
    await rig.clock.advance(121)
    assert rig.struck_log == ["things"]
    assert rig.sweeper.dead() == []
    rig.put("b")
    await rig.clock.advance(601 + 121)
    assert rig.sweeper.dead() == ["things"]
    await rig.end()


async def test_a_watch_that_is_merely_late_is_forgiven() -> None:
    rig = Rig()
    await rig.clock.settle()
    body = rig.put("a")
    while rig.store.get("things", ("a", "a")) is None:
        await rig.clock.advance(10)
    await rig.clock.advance(100)
    rig.tell(body)
    await rig.clock.advance(1200)
    assert rig.struck_log == []
    await rig.end()


async def test_a_delivery_clears_a_strike() -> None:
    rig = Rig()
    await rig.clock.settle()
    rig.put("a")
    await rig.clock.advance(601 + 121)
    assert rig.struck_log == ["things"]
    rig.tell(rig.put("b"))
    rig.put("c")
    await rig.clock.advance(601 + 121)
    assert rig.sweeper.dead() == []
    await rig.end()


async def test_a_burst_of_requests_is_one_sweep() -> None:
    rig = Rig()
    await rig.clock.settle()
    before = rig.lists
    for _ in range(50):
        rig.sweeper.request("things")
        await rig.clock.advance(0.02)
    await rig.clock.advance(5)
    assert rig.lists == before + 1
    await rig.end()


async def test_a_list_that_cannot_be_compared_is_a_failed_list_and_no_end() -> None:
    rig = Rig()
    rig.server["broken"] = {"metadata": {}}
    await rig.clock.advance(10)
    assert "name" in rig.sweeper.unsynced()["things"]
    del rig.server["broken"]
    rig.put("a")
    await rig.clock.advance(60)
    assert rig.store.get("things", ("a", "a")) is not None
    await rig.end()


async def test_old_lists_are_told() -> None:
    rig = Rig()
    await rig.clock.advance(10)
    assert rig.sweeper.stale() == {}
    rig.down = True
    await rig.clock.advance(1800)
    assert rig.sweeper.stale()["things"] > 1200
    rig.down = False
    await rig.clock.advance(60)
    assert rig.sweeper.stale() == {}
    await rig.end()
