"""Electors over one lease in memory, on virtual time, with lost replies and pauses."""

import asyncio
import dataclasses
import random

import pytest

from policloud.runtime.lease import LeaseConflictError, LeaseElector, LeaseRecord, LeaseUnavailableError
from policloud.testing.clock import VirtualClock


class MemoryLease:
    """One lease; `down` refuses a participant by name, `lossy` writes and then says that nothing is known."""

    def __init__(self) -> None:
        self.record: LeaseRecord | None = None
        self.version = 0
        self.down: set[str] = set()
        self.lossy: set[str] = set()

    def seat(self, name: str) -> "Seat":
        return Seat(self, name)


class Seat:
    def __init__(self, lease: MemoryLease, name: str) -> None:
        self.lease, self.name = lease, name

    async def get(self) -> LeaseRecord | None:
        await asyncio.sleep(0)
        self._reach()
        return self.lease.record

    async def create(self, record: LeaseRecord) -> LeaseRecord:
        await asyncio.sleep(0)
        self._reach()
        if self.lease.record is not None:
            raise LeaseConflictError("exists")
        return self._write(record)

    async def replace(self, record: LeaseRecord) -> LeaseRecord:
        await asyncio.sleep(0)
        self._reach()
        if self.lease.record is None or self.lease.record.version != record.version:
            raise LeaseConflictError("moved on")
        return self._write(record)

    def _reach(self) -> None:
        if self.name in self.lease.down:
            raise LeaseUnavailableError("cut off")

    def _write(self, record: LeaseRecord) -> LeaseRecord:
        self.lease.version += 1
        version = str(self.lease.version)
        self.lease.record = dataclasses.replace(record, version=version, renewals=version)
        if self.name in self.lease.lossy:
            raise LeaseUnavailableError("reply lost")
        return self.lease.record


class Rig:
    def __init__(self, *names: str) -> None:
        self.clock, self.lease = VirtualClock(), MemoryLease()
        self.stops = {n: asyncio.Event() for n in names}
        self.electors = {n: LeaseElector(self.lease.seat(n), n, timers=self.clock) for n in names}
        self.tasks = {n: asyncio.ensure_future(e.run(self.stops[n])) for n, e in self.electors.items()}

    async def pass_time(self, seconds: float) -> list[str]:
        """Advance in small steps; never may two lead."""
        for _ in range(int(seconds * 4)):
            await self.clock.advance(0.25)
            assert len(self.leaders) <= 1
        return self.leaders

    @property
    def leaders(self) -> list[str]:
        return [n for n, e in self.electors.items() if e.is_leader]

    async def end(self) -> None:
        for task in self.tasks.values():
            task.cancel()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)


async def test_one_leads_and_a_stopped_leader_hands_over_at_once() -> None:
    rig = Rig("a", "b")
    (first,) = await rig.pass_time(5)
    (other,) = {"a", "b"} - {first}
    rig.stops[first].set()
    await rig.clock.settle()
    assert rig.leaders == []
    assert await rig.pass_time(4) == [other], "well before the lease would have expired"
    await rig.end()


async def test_a_leader_that_is_cut_off_steps_down_before_another_takes_over() -> None:
    rig = Rig("a", "b")
    (first,) = await rig.pass_time(5)
    rig.lease.down.add(first)
    assert await rig.pass_time(10.5) == [], "its own deadline is shorter than the lease"
    leaders = await rig.pass_time(10)
    assert leaders
    assert leaders != [first]
    assert rig.tasks[first].done(), "it ends, and its process with it"
    await rig.end()


async def test_a_lost_reply_is_no_leadership() -> None:
    rig = Rig("a")
    rig.lease.lossy.add("a")
    assert await rig.pass_time(6) == []
    rig.lease.lossy.clear()
    assert await rig.pass_time(6) == ["a"]
    await rig.end()


async def test_a_paused_process_does_not_believe_in_its_old_lease() -> None:
    rig = Rig("a", "b")
    (first,) = await rig.pass_time(5)
    elector = rig.electors[first]
    rig.clock.advance_now(60)
    assert not elector.is_leader, "time alone ends it"
    await rig.end()


@pytest.mark.parametrize("seed", range(15))
async def test_never_two_leaders_under_random_cuts(seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311
    rig = Rig("a", "b", "c")
    led = set[str]()
    for _ in range(12):
        rig.lease.down = {n for n in rig.electors if rng.random() < 0.3}
        rig.lease.lossy = {n for n in rig.electors if rng.random() < 0.2}
        led |= set(await rig.pass_time(rng.uniform(1, 12)))
    assert led
    await rig.end()


def test_times_that_allow_two_leaders_are_refused() -> None:
    with pytest.raises(ValueError, match="renew_deadline < seconds"):
        LeaseElector(MemoryLease().seat("a"), "a", seconds=10, renew_deadline=10)
