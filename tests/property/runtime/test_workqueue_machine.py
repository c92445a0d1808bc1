"""The queue against a model, in random order: nothing twice at once, nothing lost, earliest delay wins."""

import asyncio

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from policloud.runtime.workqueue import Backoff, QueueClosedError, WorkQueue
from policloud.testing.clock import VirtualClock

KEYS = st.sampled_from("abcd")


class QueueMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.clock = VirtualClock()
        self.queue: WorkQueue[str] = WorkQueue(timers=self.clock, backoff=Backoff(jitter=0))
        self.busy: set[str] = set()
        self.owed: set[str] = set()  # added since it was last handed out
        self.due: dict[str, float] = {}
        self.failures: dict[str, int] = {}

    def teardown(self) -> None:
        self.loop.close()

    @rule(key=KEYS, low=st.booleans())
    def add(self, key: str, *, low: bool) -> None:
        self.queue.add(key, low=low)
        self.owed.add(key)

    @rule(key=KEYS, seconds=st.sampled_from([0.5, 1.0, 5.0]))
    def add_after(self, key: str, seconds: float) -> None:
        self.queue.add_after(key, seconds)
        self._delay(key, seconds)

    @rule(key=KEYS)
    def add_backoff(self, key: str) -> None:
        self.failures[key] = self.failures.get(key, 0) + 1
        delay = self.queue.add_backoff(key)
        assert delay == pytest.approx(min(300.0, 0.25 * 2 ** (self.failures[key] - 1)))
        self._delay(key, delay)

    @rule(key=KEYS)
    def forget(self, key: str) -> None:
        self.queue.forget(key)
        self.failures.pop(key, None)

    @rule(seconds=st.sampled_from([0.25, 1.0, 10.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance_now(seconds)
        for key, at in [*self.due.items()]:
            if at <= self.clock.monotonic():
                del self.due[key]
                self.owed.add(key)

    @precondition(lambda self: self.owed - self.busy)
    @rule()
    def take(self) -> None:
        key = self._get()
        assert key in self.owed
        assert key not in self.busy
        self.owed.discard(key)
        self.busy.add(key)

    @precondition(lambda self: self.busy)
    @rule(data=st.data())
    def finish(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.busy)))
        self.queue.done(key)
        self.busy.discard(key)

    @precondition(lambda self: not (self.owed - self.busy))
    @rule(key=KEYS)
    def a_waiting_worker_is_woken(self, key: str) -> None:
        async def wait_then_add() -> str | None:
            getting = asyncio.ensure_future(self.queue.get())
            await asyncio.sleep(0)
            self.queue.add(key)
            for _ in range(5):
                await asyncio.sleep(0)
            if getting.done():
                return getting.result()
            getting.cancel()
            return None

        got = self.loop.run_until_complete(wait_then_add())
        if key in self.busy:
            assert got is None
            self.owed.add(key)
        else:
            assert got == key
            self.busy.add(key)

    @invariant()
    def depth_is_what_is_owed(self) -> None:
        assert len(self.queue) == len(self.owed - self.busy)
        assert self.queue.delayed == len(self.due)

    def _delay(self, key: str, seconds: float) -> None:
        at = self.clock.monotonic() + seconds
        self.due[key] = min(at, self.due.get(key, at))

    def _get(self) -> str:
        return self.loop.run_until_complete(asyncio.wait_for(self.queue.get(), 1))


TestQueueMachine = QueueMachine.TestCase
TestQueueMachine.settings = settings(
    max_examples=150, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)


async def test_a_cancelled_getter_passes_its_wake_up_on() -> None:
    queue: WorkQueue[str] = WorkQueue(timers=VirtualClock())
    first, second = asyncio.ensure_future(queue.get()), asyncio.ensure_future(queue.get())
    await asyncio.sleep(0)
    queue.add("a")
    first.cancel()
    assert await asyncio.wait_for(second, 1) == "a"


async def test_close_sends_every_worker_home() -> None:
    queue: WorkQueue[str] = WorkQueue(timers=VirtualClock())
    getters = [asyncio.ensure_future(queue.get()) for _ in range(3)]
    await asyncio.sleep(0)
    queue.close()
    assert all(isinstance(r, QueueClosedError) for r in await asyncio.gather(*getters, return_exceptions=True))


async def test_low_priority_waits_but_does_not_starve() -> None:
    queue: WorkQueue[str] = WorkQueue(timers=VirtualClock())
    queue.add("resync", low=True)
    order = []
    for n in range(20):
        queue.add(f"user-{n}")
    for _ in range(21):
        key = await queue.get()
        order.append(key)
        queue.done(key)
    assert order[0] == "user-0"
    assert 0 < order.index("resync") < 20


async def test_drain_waits_for_keys_in_work() -> None:
    queue: WorkQueue[str] = WorkQueue(timers=VirtualClock())
    queue.add("a")
    key = await queue.get()
    draining = asyncio.ensure_future(queue.drain())
    await asyncio.sleep(0)
    assert not draining.done()
    queue.done(key)
    await asyncio.wait_for(draining, 1)
