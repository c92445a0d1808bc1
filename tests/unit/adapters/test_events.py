import asyncio
from collections import Counter

from policloud.adapters.events import EventRecorder
from policloud.api.resources import EVENT
from policloud.ports import Body, TransientError
from policloud.testing.clock import VirtualClock
from policloud.testing.fake import FakeCluster


def workload(name: str = "w") -> Body:
    return {
        "apiVersion": "policloud.io/v1alpha1",
        "kind": "SovereignWorkload",
        "metadata": {"namespace": "team", "name": name, "uid": f"uid-{name}"},
    }


class Rig:
    def __init__(self) -> None:
        self.clock, self.cluster = VirtualClock(), FakeCluster()
        self.results: Counter[str] = Counter()
        self.recorder = EventRecorder(
            self.cluster,
            clock=self.clock,
            component="policloud.io/site",
            instance="site-0",
            result=lambda r: self.results.update([r]),
        )

    def tell(self, message: str = "no room", name: str = "w") -> None:
        self.recorder.event(workload(name), type_="Warning", reason="InsufficientGPUs", message=message)

    async def flush(self) -> list[Body]:
        """Let the writer run once, then read what the API server has."""
        stop = asyncio.Event()
        stop.set()
        await self.recorder._write_pending()
        await self.recorder._write_repeats()
        return (await self.cluster.list(EVENT)).items


async def test_an_event_is_written_in_the_new_api() -> None:
    rig = Rig()
    rig.tell("x" * 5000)
    (event,) = await rig.flush()
    assert event["metadata"]["namespace"] == "team"
    assert event["regarding"]["uid"] == "uid-w"
    assert (event["reason"], event["type"], event["action"]) == ("InsufficientGPUs", "Warning", "Reconcile")
    assert len(event["note"].encode()) <= 1024


async def test_repeats_become_one_series_written_now_and_then() -> None:
    rig = Rig()
    for _ in range(100):
        rig.tell()
    (event,) = await rig.flush()
    assert event["series"]["count"] == 100
    for _ in range(50):
        rig.tell()
    rig.clock.advance_now(31)
    (event,) = await rig.flush()
    assert event["series"]["count"] == 150
    assert len(rig.cluster.writes) <= 2


async def test_one_noisy_object_is_cut_and_others_are_not() -> None:
    rig = Rig()
    for n in range(100):
        rig.tell(f"message {n}")
    rig.tell(name="other")
    events = await rig.flush()
    assert len(events) == 26
    assert rig.results["dropped"] == 75


async def test_a_refusing_server_is_nobodys_problem() -> None:
    class Away(FakeCluster):
        async def create(self, *_: object, **__: object) -> Body:
            raise TransientError("refused")

    rig = Rig()
    rig.recorder._cluster = Away()
    for n in range(3000):
        rig.tell(f"message {n}", name=str(n))
    assert await rig.flush() == []
    assert rig.results["failed"] == 1000
    assert rig.results["dropped"] == 2000


async def test_an_event_that_expired_on_the_server_is_told_anew() -> None:
    rig = Rig()
    rig.tell()
    (event,) = await rig.flush()
    await rig.cluster.delete(EVENT, "team", event["metadata"]["name"])
    for _ in range(3):
        rig.tell()
        rig.clock.advance_now(31)
        await rig.flush()
    assert len((await rig.cluster.list(EVENT)).items) == 1


async def test_run_writes_what_is_noted_before_it_ends() -> None:
    rig = Rig()
    stop = asyncio.Event()
    running = asyncio.ensure_future(rig.recorder.run(stop))
    rig.tell()
    await asyncio.sleep(0)
    stop.set()
    await asyncio.wait_for(running, 5)
    assert len((await rig.cluster.list(EVENT)).items) == 1
