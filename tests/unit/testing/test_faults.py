import pytest

from policloud.api.resources import CONFIG_MAP
from policloud.ports import ApiError, Body, ConflictError, NotFoundError, TransientError
from policloud.testing.clock import VirtualClock
from policloud.testing.fake import FakeCluster
from policloud.testing.faults import QUIET, CrashError, FaultyCluster, Schedule


def config(n: int) -> Body:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": "a", "name": f"c{n}"}}


async def exists(cluster: FakeCluster, n: int) -> bool:
    try:
        await cluster.get(CONFIG_MAP, "a", f"c{n}")
    except NotFoundError:
        return False
    return True


async def outcomes(schedule: Schedule, count: int = 60) -> list[tuple[str, bool]]:
    """For each write: what its caller saw, and whether it happened."""
    fake = FakeCluster()
    faulty = FaultyCluster(fake, schedule, clock=VirtualClock())
    seen = []
    for n in range(count):
        try:
            await faulty.create(CONFIG_MAP, config(n))
            answer = "ok"
        except ApiError as e:
            answer = type(e).__name__ + ("-lost" if "lost" in e.message else "")
        seen.append((answer, await exists(fake, n)))
    return seen


async def test_the_same_seed_gives_the_same_faults() -> None:
    schedule = Schedule(7, fail=0.2, lose=0.2, delay=0.0, conflict=0.2)
    assert await outcomes(schedule) == await outcomes(schedule)
    assert await outcomes(schedule) != await outcomes(Schedule(8, fail=0.2, lose=0.2, delay=0.0, conflict=0.2))


async def test_a_lost_reply_means_a_write_that_happened() -> None:
    seen = set(await outcomes(Schedule(7, fail=0.2, lose=0.2, delay=0.0, conflict=0.2)))
    assert seen == {("ok", True), ("TransientError", False), ("TransientError-lost", True), ("ConflictError", False)}


async def test_a_crash_comes_after_its_write_and_passes_every_handler() -> None:
    fake = FakeCluster()
    faulty = FaultyCluster(fake, QUIET, clock=VirtualClock(), crash_after=2)
    await faulty.create(CONFIG_MAP, config(1))
    await faulty.create(CONFIG_MAP, config(9), dry_run=True)
    with pytest.raises(CrashError):
        await faulty.create(CONFIG_MAP, config(2))
    assert await exists(fake, 2)
    assert not issubclass(CrashError, Exception)


async def test_reads_fail_too_and_never_conflict() -> None:
    faulty = FaultyCluster(
        FakeCluster(), Schedule(1, fail=1.0, lose=0.0, delay=0.0, conflict=0.0), clock=VirtualClock()
    )
    with pytest.raises(TransientError):
        await faulty.list(CONFIG_MAP)
    only_conflicts = Schedule(1, fail=0.0, lose=0.0, delay=0.0, conflict=1.0)
    faulty = FaultyCluster(FakeCluster(), only_conflicts, clock=VirtualClock())
    assert (await faulty.list(CONFIG_MAP)).items == []
    with pytest.raises(ConflictError):
        await faulty.create(CONFIG_MAP, config(1))
