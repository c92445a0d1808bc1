"""What comes from Kopf's thread: into the store, to the queues, and to the sweep."""

import asyncio
from collections.abc import AsyncIterator, Iterable

import pytest

from policloud.adapters.intake import Intake
from policloud.adapters.kube.connection import Connection
from policloud.adapters.metrics import Metrics
from policloud.adapters.shell import Watch
from policloud.api.resources import CONFIG_MAP, SECRET
from policloud.ports import Body
from policloud.runtime.outcome import Done, Outcome
from policloud.runtime.store import Key, Store, key_of
from policloud.runtime.workers import Controller
from policloud.testing.fake import FakeCluster


async def _reconcile(_: Key) -> Outcome:
    return Done()


def thing(name: str, version: int) -> Body:
    return {"metadata": {"namespace": "a", "name": name, "uid": f"uid-{name}", "resourceVersion": str(version)}}


class Rig:
    def __init__(self) -> None:
        self.store = Store()
        self.controller = Controller("maps", _reconcile)
        self.intake = Intake(
            "test",
            Connection("https://127.0.0.1:1"),
            cluster=FakeCluster(),
            store=self.store,
            watches=[Watch(CONFIG_MAP, self.route), Watch(CONFIG_MAP, self.broken), Watch(SECRET, self.route, "a")],
            metrics=Metrics(),
            times=None,
        )
        self.intake._loop = asyncio.get_running_loop()

    def route(self, body: Body) -> Iterable[tuple[Controller, Key]]:
        return [(self.controller, key_of(body))]

    def broken(self, body: Body) -> Iterable[tuple[Controller, Key]]:
        raise ValueError(body["metadata"]["name"])

    @property
    def sweep_wanted(self) -> bool:
        return self.intake.sweeper._kinds["configmaps"].wanted.is_set()

    async def tell(self, type_: str | None, *bodies: Body) -> None:
        def from_thread() -> None:
            for body in bodies:
                self.intake._deliver(CONFIG_MAP, type_, body)

        await asyncio.to_thread(from_thread)
        for _ in range(10):
            await asyncio.sleep(0)


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    yield Rig()  # noqa: PT022 - it needs the running loop


async def test_events_are_stored_and_queued_though_another_route_is_broken(rig: Rig) -> None:
    await rig.tell("ADDED", *(thing(str(n), n + 1) for n in range(1200)))
    assert rig.store.count("configmaps") == 1200
    assert len(rig.controller.queue) == 1200
    await rig.tell("DELETED", thing("7", 5000))
    assert rig.store.get("configmaps", ("a", "7")) is None


async def test_an_event_that_cannot_be_read_does_not_stop_the_next(rig: Rig) -> None:
    await rig.tell("ADDED", {"metadata": {}}, thing("x", 1))
    assert rig.store.count("configmaps") == 1


async def test_only_a_new_list_of_kopfs_asks_for_a_sweep(rig: Rig) -> None:
    for type_ in ("ADDED", "MODIFIED", "DELETED"):
        await rig.tell(type_, thing("x", 1))
    assert not rig.sweep_wanted
    await rig.tell(None, thing("x", 9))
    assert rig.sweep_wanted, "what has gone meanwhile is never told"


async def test_the_return_of_the_server_asks_for_one_too(rig: Rig) -> None:
    rig.intake.request_all()
    assert rig.sweep_wanted


async def test_what_is_missing_is_named(rig: Rig) -> None:
    assert rig.intake.missing() == "configmaps: not listed yet; secrets: not listed yet"
