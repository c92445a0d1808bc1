from policloud.adapters.probe import MetricsGuard
from policloud.api.resources import Resource
from policloud.ports import Body, TransientError
from policloud.testing.clock import VirtualClock
from policloud.testing.fake import FakeCluster


class Reviewer(FakeCluster):
    """Knows the tokens "good" (may) and "weak" (may not)."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.down = False

    async def create(self, resource: Resource, body: Body, *, dry_run: bool = False) -> Body:
        assert not dry_run
        if self.down:
            raise TransientError("refused")
        self.asked.append(resource.kind)
        if resource.kind == "TokenReview":
            token = body["spec"]["token"]
            return {"status": {"authenticated": token in {"good", "weak"}, "user": {"username": token}}}
        return {"status": {"allowed": body["spec"]["user"] == "good"}}


async def test_who_may() -> None:
    guard = MetricsGuard(Reviewer(), VirtualClock())
    wanted = {"": 401, "Basic good": 401, "Bearer ": 401, "Bearer bad": 401, "Bearer weak": 403, "bearer good": 200}
    assert {a: await guard.status(a) for a in wanted} == wanted


async def test_verdicts_are_kept_for_a_minute() -> None:
    reviewer, clock = Reviewer(), VirtualClock()
    guard = MetricsGuard(reviewer, clock)
    for _ in range(5):
        assert await guard.status("Bearer good") == 200
    assert reviewer.asked == ["TokenReview", "SubjectAccessReview"]
    clock.advance_now(61)
    await guard.status("Bearer good")
    assert len(reviewer.asked) == 4


async def test_an_api_server_that_cannot_be_asked_means_no() -> None:
    reviewer = Reviewer()
    reviewer.down = True
    guard = MetricsGuard(reviewer, VirtualClock())
    assert await guard.status("Bearer good") == 503
    reviewer.down = False
    assert await guard.status("Bearer good") == 200, "and is not remembered"
