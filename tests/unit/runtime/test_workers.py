import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest

from policloud.runtime.outcome import Done, Outcome, RequeueAfter, Retry
from policloud.runtime.store import Key
from policloud.runtime.workers import CURRENT, Controller
from policloud.runtime.workqueue import Backoff
from policloud.testing.clock import VirtualClock

A: Key = ("ns", "a")
B: Key = ("ns", "b")


class Rig:
    def __init__(self, reconcile: Callable[[Key], Awaitable[Outcome]], **options: float) -> None:
        self.clock = VirtualClock()
        self.controller = Controller("test", reconcile, timers=self.clock, backoff=Backoff(1.0, jitter=0), **options)  # type: ignore[arg-type]

    async def __aenter__(self) -> Controller:
        self.task = asyncio.ensure_future(self.controller.run())
        return self.controller

    async def __aexit__(self, *_: object) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


async def test_outcomes_become_retries() -> None:
    outcomes: list[Outcome] = [Retry("no", after=7.0), RequeueAfter(3.0, "later"), Done()]
    at: list[float] = []

    async def reconcile(_: Key) -> Outcome:
        at.append(rig.clock.monotonic())
        return outcomes.pop(0)

    rig = Rig(reconcile)
    async with rig as controller:
        controller.queue.add(A)
        await rig.clock.advance(60)
    assert at == [0.0, 7.0, 10.0]
    assert controller.queue.failures(A) == 0


async def test_an_exception_is_logged_and_retried_and_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    done: list[Key] = []

    async def reconcile(key: Key) -> Outcome:
        if key == A:
            raise RuntimeError("broken object")
        done.append(key)
        return Done()

    rig = Rig(reconcile, workers=1)
    with caplog.at_level(logging.ERROR):
        async with rig as controller:
            controller.queue.add(A)
            controller.queue.add(B)
            await rig.clock.advance(4)
    assert done == [B]
    assert controller.queue.failures(A) == 3, "at 0, 1 and 3 s"
    assert "broken object" in caplog.text


async def test_a_call_that_hangs_is_ended_by_its_deadline() -> None:
    async def reconcile(_: Key) -> Outcome:
        await asyncio.Event().wait()
        return Done()

    rig = Rig(reconcile, deadline=0.01)
    async with rig as controller:
        controller.queue.add(A)
        async with asyncio.timeout(5):
            await controller.queue.drain()
        assert controller.queue.failures(A) == 1
    assert controller.active == 0


async def test_the_same_key_is_never_worked_on_twice_at_once() -> None:
    running: set[Key] = set()
    runs = 0

    async def reconcile(key: Key) -> Outcome:
        nonlocal runs
        assert key not in running
        assert (current := CURRENT.get()) is not None
        assert current.key == key
        running.add(key)
        runs += 1
        await asyncio.sleep(0)
        running.discard(key)
        return Done()

    rig = Rig(reconcile, workers=8)
    async with rig as controller:
        for _ in range(50):
            controller.queue.add(A)
            controller.queue.add(B)
            await asyncio.sleep(0)
        await controller.queue.drain()
    assert 2 <= runs <= 100
    assert controller.queue.failures(A) == 0
