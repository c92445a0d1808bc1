"""One suite for the Cluster port, run on the fake and on a real API server: what tests rely on must be true."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from typing import Any

import pytest

from policloud.adapters.kube.client import HttpCluster
from policloud.adapters.kube.connection import Connection
from policloud.api.resources import (
    CONFIG_MAP,
    DEPLOYMENT,
    NAMESPACE,
    SERVICE_ACCOUNT,
    Resource,
)
from policloud.ports import Body, Cluster, ConflictError, NotFoundError, RejectedError, WatchEvent
from policloud.testing.fake import FakeCluster

_NUMBERS = itertools.count(1)
NO_SUCH_KIND = Resource("nobody.example", "v1", "nothings", "Nothing")


@pytest.fixture(params=["fake", "real"])
async def cluster(request: pytest.FixtureRequest) -> AsyncIterator[Cluster]:
    if request.param == "fake":
        fake = FakeCluster()
        fake.missing.add(str(NO_SUCH_KIND))
        yield fake
        return
    plane = request.getfixturevalue("api_server")
    http = HttpCluster(Connection.from_kubeconfig(plane.kubeconfig))
    yield http
    await http.close()


@pytest.fixture
async def ns(cluster: Cluster) -> str:
    name = f"port-{next(_NUMBERS)}"
    with contextlib.suppress(ConflictError):
        await cluster.create(NAMESPACE, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    return name


def config(ns: str, name: str, **data: str) -> Body:
    body: Body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": ns, "name": name}}
    return {**body, "data": data} if data else body


def labelled(ns: str, name: str, **labels: str) -> Body:
    body = config(ns, name)
    body["metadata"]["labels"] = labels
    return body


def deployment(ns: str, *containers: str, replicas: int | None = None) -> Body:
    spec: Body = {
        "selector": {"matchLabels": {"app": "x"}},
        "template": {
            "metadata": {"labels": {"app": "x"}},
            "spec": {"containers": [{"name": c, "image": "registry.example/x:1"} for c in containers]},
        },
    }
    if replicas is not None:
        spec["replicas"] = replicas
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"namespace": ns, "name": "d"}, "spec": spec}


async def test_create_get_and_exists_already(cluster: Cluster, ns: str) -> None:
    created = await cluster.create(CONFIG_MAP, config(ns, "a", x="1"))
    assert created["metadata"]["uid"]
    assert int(created["metadata"]["resourceVersion"]) > 0
    assert (await cluster.get(CONFIG_MAP, ns, "a"))["data"] == {"x": "1"}
    with pytest.raises(ConflictError) as caught:
        await cluster.create(CONFIG_MAP, config(ns, "a"))
    assert caught.value.already_exists


async def test_dry_run_leaves_nothing(cluster: Cluster, ns: str) -> None:
    await cluster.create(CONFIG_MAP, config(ns, "a"), dry_run=True)
    await cluster.apply(CONFIG_MAP, config(ns, "b", x="1"), manager="m", dry_run=True)
    for name in "ab":
        with pytest.raises(NotFoundError) as caught:
            await cluster.get(CONFIG_MAP, ns, name)
        assert not caught.value.missing_kind


async def test_a_missing_kind_is_told_from_a_missing_object(cluster: Cluster, ns: str) -> None:
    for call in (cluster.list(NO_SUCH_KIND, ns), cluster.get(NO_SUCH_KIND, ns, "a")):
        with pytest.raises(NotFoundError) as caught:
            await call
        assert caught.value.missing_kind


async def test_replace_has_the_version_as_its_precondition(cluster: Cluster, ns: str) -> None:
    first = await cluster.create(CONFIG_MAP, config(ns, "a", x="1"))
    second = await cluster.replace(CONFIG_MAP, {**first, "data": {"x": "2"}})
    assert int(second["metadata"]["resourceVersion"]) > int(first["metadata"]["resourceVersion"])
    with pytest.raises(ConflictError) as caught:
        await cluster.replace(CONFIG_MAP, {**first, "data": {"x": "3"}})
    assert not caught.value.already_exists
    assert (await cluster.get(CONFIG_MAP, ns, "a"))["data"] == {"x": "2"}


async def test_merge_patch_can_be_conditional_and_removes_by_null(cluster: Cluster, ns: str) -> None:
    first = await cluster.create(CONFIG_MAP, config(ns, "a", x="1", y="1"))
    version = first["metadata"]["resourceVersion"]
    patched = await cluster.merge_patch(
        CONFIG_MAP, ns, "a", {"metadata": {"resourceVersion": version}, "data": {"x": None, "z": "1"}}
    )
    assert patched["data"] == {"y": "1", "z": "1"}
    with pytest.raises(ConflictError):
        await cluster.merge_patch(CONFIG_MAP, ns, "a", {"metadata": {"resourceVersion": version}, "data": {"y": "2"}})


async def test_a_write_that_changes_nothing_has_no_new_version(cluster: Cluster, ns: str) -> None:
    first = await cluster.apply(CONFIG_MAP, config(ns, "a", x="1"), manager="m")
    again = await cluster.apply(CONFIG_MAP, config(ns, "a", x="1"), manager="m")
    patched = await cluster.merge_patch(CONFIG_MAP, ns, "a", {"data": {"x": "1"}})
    versions = {b["metadata"]["resourceVersion"] for b in (first, again, patched)}
    assert len(versions) == 1


async def test_apply_removes_what_its_manager_no_longer_names(cluster: Cluster, ns: str) -> None:
    await cluster.apply(CONFIG_MAP, config(ns, "a", mine="1", dropped="1"), manager="m")
    await cluster.apply(CONFIG_MAP, config(ns, "a", theirs="1"), manager="other")
    after = await cluster.apply(CONFIG_MAP, config(ns, "a", mine="1"), manager="m")
    assert after["data"] == {"mine": "1", "theirs": "1"}


async def test_apply_keeps_a_field_that_another_manager_wants_too(cluster: Cluster, ns: str) -> None:
    await cluster.apply(CONFIG_MAP, config(ns, "a", both="1", x="1"), manager="m")
    await cluster.apply(CONFIG_MAP, config(ns, "a", both="1"), manager="other")
    after = await cluster.apply(CONFIG_MAP, config(ns, "a", x="1"), manager="m")
    assert after["data"] == {"both": "1", "x": "1"}


async def test_apply_conflicts_unless_forced(cluster: Cluster, ns: str) -> None:
    await cluster.apply(CONFIG_MAP, config(ns, "a", x="1"), manager="m")
    with pytest.raises(ConflictError):
        await cluster.apply(CONFIG_MAP, config(ns, "a", x="2"), manager="other", force=False)
    await cluster.apply(CONFIG_MAP, config(ns, "a", x="2"), manager="other")
    after = await cluster.apply(CONFIG_MAP, config(ns, "a"), manager="m")
    assert after["data"] == {"x": "2"}, "it was taken over, so it does not go with its first owner"


async def test_apply_merges_lists_by_their_keys(cluster: Cluster, ns: str) -> None:
    await cluster.apply(DEPLOYMENT, deployment(ns, "one", replicas=2), manager="m")
    both = await cluster.apply(DEPLOYMENT, deployment(ns, "two"), manager="other")
    names = {c["name"] for c in both["spec"]["template"]["spec"]["containers"]}
    assert names == {"one", "two"}
    assert both["spec"]["replicas"] == 2


async def test_apply_with_a_stale_version_is_a_conflict(cluster: Cluster, ns: str) -> None:
    first = await cluster.apply(CONFIG_MAP, config(ns, "a", x="1"), manager="m")
    await cluster.merge_patch(CONFIG_MAP, ns, "a", {"data": {"y": "1"}})
    stale = config(ns, "a", x="2")
    stale["metadata"]["resourceVersion"] = first["metadata"]["resourceVersion"]
    with pytest.raises(ConflictError):
        await cluster.apply(CONFIG_MAP, stale, manager="m")


async def test_generation_counts_specs_and_the_status_is_apart(cluster: Cluster, ns: str) -> None:
    made = await cluster.create(DEPLOYMENT, {**deployment(ns, "one", replicas=1), "status": {"replicas": 9}})
    assert made["metadata"]["generation"] == 1
    assert not made.get("status", {}).get("replicas"), "a status is not created"
    status = {**deployment(ns), "status": {"replicas": 3, "observedGeneration": 1}}
    del status["spec"]
    told = await cluster.apply_status(DEPLOYMENT, status, manager="m")
    assert told["status"]["replicas"] == 3
    assert told["metadata"]["generation"] == 1
    scaled = await cluster.merge_patch(DEPLOYMENT, ns, "d", {"spec": {"replicas": 2}, "status": {"replicas": 7}})
    assert (scaled["metadata"]["generation"], scaled["status"]["replicas"]) == (2, 3)


async def test_a_status_of_what_is_not_there(cluster: Cluster, ns: str) -> None:
    body = {**deployment(ns), "status": {"replicas": 1}}
    del body["spec"]
    with pytest.raises(NotFoundError):
        await cluster.apply_status(DEPLOYMENT, body, manager="m")


async def test_delete_under_preconditions(cluster: Cluster, ns: str) -> None:
    first = await cluster.create(CONFIG_MAP, config(ns, "a"))
    with pytest.raises(ConflictError):
        await cluster.delete(CONFIG_MAP, ns, "a", uid="00000000-0000-0000-0000-00000000dead")
    changed = await cluster.merge_patch(CONFIG_MAP, ns, "a", {"data": {"x": "1"}})
    with pytest.raises(ConflictError):
        await cluster.delete(CONFIG_MAP, ns, "a", resource_version=first["metadata"]["resourceVersion"])
    await cluster.delete(CONFIG_MAP, ns, "a", uid=changed["metadata"]["uid"])
    with pytest.raises(NotFoundError):
        await cluster.delete(CONFIG_MAP, ns, "a")


async def test_a_finalizer_holds_a_deletion_until_it_is_taken_away(cluster: Cluster, ns: str) -> None:
    body = config(ns, "a")
    body["metadata"]["finalizers"] = ["policloud.io/finalizer"]
    await cluster.create(CONFIG_MAP, body)
    await cluster.delete(CONFIG_MAP, ns, "a")
    dying = await cluster.get(CONFIG_MAP, ns, "a")
    assert dying["metadata"]["deletionTimestamp"]
    await cluster.merge_patch(CONFIG_MAP, ns, "a", {"metadata": {"finalizers": None}})
    with pytest.raises(NotFoundError):
        await cluster.get(CONFIG_MAP, ns, "a")


async def test_selectors(cluster: Cluster, ns: str) -> None:
    for name, labels in {"a": {"tier": "x"}, "b": {"tier": "y"}, "c": {}}.items():
        await cluster.create(CONFIG_MAP, labelled(ns, name, **labels))
    wanted = {
        "tier=x": {"a"},
        "tier!=x": {"b", "c"},
        "tier": {"a", "b"},
        "!tier": {"c"},
        "tier in (x,y),tier notin (y)": {"a"},
    }
    for selector, names in wanted.items():
        listing = await cluster.list(CONFIG_MAP, ns, label_selector=selector)
        found = {i["metadata"]["name"] for i in listing.items} - {"kube-root-ca.crt"}
        assert found == names, selector
    by_name = await cluster.list(CONFIG_MAP, ns, field_selector="metadata.name=b")
    assert [(i["kind"], i["apiVersion"]) for i in by_name.items] == [("ConfigMap", "v1")]


async def test_a_watch_tells_what_came_after_the_list(cluster: Cluster, ns: str) -> None:
    await cluster.create(CONFIG_MAP, config(ns, "old"))
    version = (await cluster.list(CONFIG_MAP, ns)).resource_version
    await cluster.create(CONFIG_MAP, config(ns, "a", x="1"))
    await cluster.merge_patch(CONFIG_MAP, ns, "a", {"data": {"x": "2"}})
    await cluster.delete(CONFIG_MAP, ns, "a")
    events = await _events(cluster.watch(CONFIG_MAP, ns, resource_version=version), 3)
    assert [(e.type, e.object["metadata"]["name"]) for e in events] == [
        ("ADDED", "a"),
        ("MODIFIED", "a"),
        ("DELETED", "a"),
    ]
    versions = [int(e.object["metadata"]["resourceVersion"]) for e in events]
    assert versions == sorted(set(versions))


async def test_leaving_a_watchs_selector_looks_like_a_deletion(cluster: Cluster, ns: str) -> None:
    version = (await cluster.list(CONFIG_MAP, ns)).resource_version
    await cluster.create(CONFIG_MAP, labelled(ns, "a", tier="x"))
    await cluster.merge_patch(CONFIG_MAP, ns, "a", {"metadata": {"labels": {"tier": "y"}}})
    await cluster.merge_patch(CONFIG_MAP, ns, "a", {"metadata": {"labels": {"tier": "x"}}})
    watch = cluster.watch(CONFIG_MAP, ns, resource_version=version, label_selector="tier=x")
    assert [e.type for e in await _events(watch, 3)] == ["ADDED", "DELETED", "ADDED"]


async def test_names_cannot_lead_to_other_paths(cluster: Cluster, ns: str) -> None:
    for name in ("../secrets/x", "a/b", "a?watch=1"):
        with pytest.raises((NotFoundError, RejectedError)):
            await cluster.get(CONFIG_MAP, ns, name)


async def test_tokens(cluster: Cluster, ns: str) -> None:
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"namespace": ns, "name": "robot"}}
    await cluster.create(SERVICE_ACCOUNT, account)
    answer = await cluster.create_token(ns, "robot", seconds=600, audiences=[])
    assert answer["status"]["token"]
    assert answer["status"]["expirationTimestamp"]


async def _events(watch: Any, count: int) -> list[WatchEvent]:
    events: list[WatchEvent] = []
    async with asyncio.timeout(20), contextlib.aclosing(watch) as stream:
        async for event in stream:
            if event.type != "BOOKMARK":
                events.append(event)
            if len(events) == count:
                break
    return events
