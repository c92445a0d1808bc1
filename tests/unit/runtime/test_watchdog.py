import asyncio

from policloud.runtime.watchdog import Watchdog, age_check
from policloud.testing.clock import VirtualClock


def test_reasons_are_named_and_liveness_is_part_of_readiness() -> None:
    dog = Watchdog(timers=VirtualClock())
    dog.add_live("watch", lambda: "dead")
    dog.add_ready("sync", lambda: "pods: not listed yet")
    assert dog.live().reasons == ("watch: dead",)
    assert dog.ready().reasons == ("watch: dead", "sync: pods: not listed yet")
    assert not dog.ready().ok


def test_a_broken_check_is_a_problem_not_an_end() -> None:
    def broken() -> str | None:
        raise RuntimeError

    dog = Watchdog(timers=VirtualClock())
    dog.add_ready("broken", broken)
    assert dog.ready().reasons == ("broken: check failed: RuntimeError",)
    assert dog.live().ok


async def test_a_blocked_loop_shows_as_lag() -> None:
    clock = VirtualClock()
    lags: list[float] = []
    dog = Watchdog(timers=clock, on_lag=lags.append)
    task = asyncio.ensure_future(dog.run())
    await clock.advance(3)
    assert dog.live().ok
    await clock.settle()
    clock.advance_now(20)
    await clock.settle()
    assert not dog.live().ok
    assert max(lags) > 10
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def test_ages() -> None:
    clock = VirtualClock()
    check = age_check(clock, lambda: None, 10, "contact")
    assert check() == "contact never happened yet"
    clock.advance_now(30)
    assert age_check(clock, lambda: 5.0, 10, "contact")() == "contact 25 s ago, allowed 10 s"
    assert age_check(clock, lambda: 25.0, 10, "contact")() is None
