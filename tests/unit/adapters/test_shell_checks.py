"""What makes a process unready or unfit, by its own facts."""

from policloud.adapters.shell import _overdue, _stuck, _waiting
from policloud.runtime.lease import LeaseElector, LeaseRecord
from policloud.runtime.outcome import Done, Outcome
from policloud.runtime.store import Key
from policloud.runtime.workers import Controller
from policloud.testing.clock import VirtualClock


async def _reconcile(_: Key) -> Outcome:
    return Done()


def controller(clock: VirtualClock) -> Controller:
    return Controller("units", _reconcile, deadline=10, timers=clock)


def test_a_key_that_nobody_gets_to_makes_unready_but_not_a_standby() -> None:
    clock = VirtualClock()
    c = controller(clock)
    c.queue.add(("a", "b"))
    clock.advance_now(601)
    assert _waiting([c]) is None, "a standby's workers do not run"
    c.running = True
    assert _waiting([c]) == "units: the oldest key waits for 601 s"


async def test_a_call_that_outlives_its_deadline_by_far_makes_unfit() -> None:
    clock = VirtualClock()
    c = controller(clock)
    c.queue.add(("a", "b"))
    await c.queue.get()
    clock.advance_now(99)
    assert _stuck([c]) is None
    clock.advance_now(2)
    assert _stuck([c]) == "a reconcile of units has been running for 101 s, its deadline is 10 s"


class Lease:
    async def get(self) -> LeaseRecord | None:
        return None

    async def create(self, record: LeaseRecord) -> LeaseRecord:
        return record

    async def replace(self, record: LeaseRecord) -> LeaseRecord:
        return record


async def test_an_elector_that_hangs_makes_unfit() -> None:
    clock = VirtualClock()
    elector = LeaseElector(Lease(), "a", seconds=15, timers=clock)
    assert _overdue(elector) is None
    await elector._attempt()
    assert elector.is_leader
    clock.advance_now(31)
    assert _overdue(elector) == "not renewed for 31 s, and not given up"
