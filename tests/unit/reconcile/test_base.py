import pytest

from policloud.api.resources import POD
from policloud.ports import (
    ApiError,
    Body,
    ConflictError,
    NotFoundError,
    RejectedError,
    TransientError,
)
from policloud.reconcile.base import guarded, needs_write
from policloud.runtime.outcome import Done, Outcome, Retry
from policloud.runtime.store import Key
from policloud.testing.fake import FakeCluster


@pytest.mark.parametrize(
    ("error", "after"),
    [
        (ConflictError("moved on"), None),
        (TransientError("busy", retry_after=7.0), 7.0),
        (TransientError("refused"), None),
        (RejectedError("invalid", status=422), 60.0),
        (NotFoundError("no kind", missing_kind=True), 60.0),
        (NotFoundError("gone"), None),
        (ApiError("other"), None),
    ],
)
async def test_api_errors_become_retries(error: ApiError, after: float | None) -> None:
    async def reconcile(_: Key) -> Outcome:
        raise error

    assert await guarded(reconcile)(("a", "b")) == Retry(error.message, after)


async def test_outcomes_and_other_errors_pass() -> None:
    async def fine(_: Key) -> Outcome:
        return Done()

    async def broken(_: Key) -> Outcome:
        raise ValueError

    assert await guarded(fine)(("a", "b")) == Done()
    with pytest.raises(ValueError, match=r"^$"):
        await guarded(broken)(("a", "b"))


def pod(**container: object) -> Body:
    return {"metadata": {"name": "x"}, "spec": {"containers": [{"name": "main", **container}]}}


CURRENT = pod(
    image="a:1",
    ports=[{"containerPort": 80, "protocol": "TCP"}],
    resources={"limits": {"cpu": "500m", "memory": "1Gi"}},
    env=[{"name": "A", "value": "1"}, {"name": "INJECTED", "value": "x"}],
    args=["--x"],
    terminationMessagePath="/dev/termination-log",
)


@pytest.mark.parametrize(
    "wanted",
    [
        pod(image="a:1"),
        pod(ports=[{"containerPort": 80}]),
        pod(resources={"limits": {"cpu": 0.5, "memory": "1024Mi"}}),
        pod(env=[{"name": "A", "value": "1"}]),
        pod(args=["--x"], command=[], workingDir="", livenessProbe=None, lifecycle={}),
    ],
)
def test_what_is_already_so_needs_no_write(wanted: Body) -> None:
    assert not needs_write(CURRENT, wanted)


@pytest.mark.parametrize(
    "wanted",
    [
        pod(image="a:2"),
        pod(ports=[{"containerPort": 81}]),
        pod(resources={"limits": {"cpu": "501m"}}),
        pod(env=[{"name": "B", "value": "1"}]),
        pod(args=["--x", "--y"]),
        pod(stdin=False),
        {"metadata": {"name": "x", "labels": {"a": "b"}}},
    ],
)
def test_what_differs_needs_one(wanted: Body) -> None:
    assert needs_write(CURRENT, wanted)


def test_what_is_not_there_needs_one() -> None:
    assert needs_write(None, pod())


def applied(*fields: str, manager: str = "m") -> list[Body]:
    owned = {f"f:{f}": {} for f in fields}
    return [{"manager": manager, "operation": "Apply", "fieldsV1": {"f:data": owned}}]


def test_a_field_that_we_applied_and_no_longer_want_needs_a_write() -> None:
    current: Body = {"metadata": {"name": "x", "managedFields": applied("a", "b")}, "data": {"a": "1", "b": "1"}}
    assert not needs_write(current, {"metadata": {"name": "x"}, "data": {"a": "1", "b": "1"}}, manager="m")
    assert needs_write(current, {"metadata": {"name": "x"}, "data": {"a": "1"}}, manager="m")
    assert not needs_write(current, {"metadata": {"name": "x"}, "data": {"a": "1"}}), "unseen without the manager"


def test_right_values_of_another_manager_are_not_ours_yet() -> None:
    current: Body = {"metadata": {"name": "x", "managedFields": applied("a", manager="other")}, "data": {"a": "1"}}
    assert needs_write(current, {"metadata": {"name": "x"}, "data": {"a": "1"}}, manager="m")
    partly: Body = {
        "metadata": {"name": "x", "managedFields": [*applied("b", manager="other"), *applied("a")]},
        "data": {"a": "1", "b": "1"},
    }
    assert needs_write(partly, {"metadata": {"name": "x"}, "data": {"a": "1", "b": "1"}}, manager="m")


async def test_judged_by_what_a_server_says_of_ownership() -> None:
    """Against the fake, which passes the same contract suite as a real API server."""
    fake = FakeCluster()
    versions: list[Body] = [
        pod(image="a:1", ports=[{"containerPort": 80}], args=["--x", "--y"]),
        pod(image="a:1", ports=[{"containerPort": 80}], args=["--x"]),
        pod(image="a:1", args=["--x"]),
        {"metadata": {"name": "x"}, "spec": {"containers": [{"name": "main"}, {"name": "side"}], "tolerations": []}},
        {"metadata": {"name": "x"}, "spec": {"containers": [{"name": "side"}]}},
    ]
    current: Body | None = None
    for wanted in versions:
        body = {"apiVersion": "v1", "kind": "Pod", **wanted, "metadata": {"namespace": "a", "name": "x"}}
        assert needs_write(current, body, manager="m"), wanted
        await fake.apply(POD, {**body}, manager="other")
        current = await fake.apply(POD, body, manager="m")
        assert not needs_write(current, body, manager="m"), wanted


def test_an_atomic_list_of_maps_that_shrinks_needs_a_write() -> None:
    owned = {"f:status": {"f:relaxations": {}}}
    current: Body = {
        "metadata": {
            "name": "x",
            "managedFields": [{"manager": "m", "operation": "Apply", "subresource": "status", "fieldsV1": owned}],
        },
        "status": {"relaxations": [{"name": "a"}, {"name": "b"}]},
    }
    wanted: Body = {"metadata": {"name": "x"}, "status": {"relaxations": [{"name": "a"}]}}
    assert needs_write(current, wanted, manager="m", subresource="status")


def test_keyed_items_are_found_by_their_keys_with_defaults_left_out() -> None:
    port = {'k:{"containerPort":80,"protocol":"TCP"}': {".": {}, "f:containerPort": {}}}
    owned = {"f:spec": {"f:containers": {'k:{"name":"main"}': {".": {}, "f:name": {}, "f:ports": port}}}}
    entry = {"manager": "m", "operation": "Apply", "fieldsV1": owned}
    current: Body = {**CURRENT, "metadata": {"name": "x", "managedFields": [entry]}}
    assert not needs_write(current, pod(ports=[{"containerPort": 80}]), manager="m")
    assert needs_write(current, pod(), manager="m")


def test_two_keys_tell_items_apart_that_one_does_not() -> None:
    first, second = {"site": "s", "unit": "a", "n": 1}, {"site": "s", "unit": "b", "n": 2}
    steps = {f'k:{{"site":"s","unit":"{u}"}}': {".": {}, "f:n": {}, "f:site": {}, "f:unit": {}} for u in "ab"}
    entry = {"manager": "m", "operation": "Apply", "fieldsV1": {"f:status": {"f:placements": steps}}}
    current: Body = {"metadata": {"managedFields": [entry]}, "status": {"placements": [first, second]}}
    assert not needs_write(current, {"status": {"placements": [second, first]}}, manager="m")
    assert needs_write(current, {"status": {"placements": [first]}}, manager="m")
    assert needs_write(current, {"status": {"placements": [first, {**second, "n": 3}]}}, manager="m")
