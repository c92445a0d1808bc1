import pytest

from policloud.runtime.store import Body, Store

PODS = "pods"


def pod(name: str, version: int, *, uid: str = "u1", node: str | None = None) -> Body:
    return {
        "metadata": {"namespace": "a", "name": name, "uid": uid, "resourceVersion": str(version)},
        "spec": {"nodeName": node},
    }


def by_node(body: Body) -> list[str]:
    return [body["spec"]["nodeName"]] if body["spec"]["nodeName"] else []


def test_older_versions_are_ignored() -> None:
    store = Store()
    assert store.upsert(PODS, pod("x", 5))
    assert not store.upsert(PODS, pod("x", 4))
    assert not store.upsert(PODS, pod("x", 5))
    assert store.upsert(PODS, pod("x", 6))


def test_versions_are_numbers_not_texts() -> None:
    store = Store()
    store.upsert(PODS, pod("x", 9))
    assert store.upsert(PODS, pod("x", 10))


def test_a_late_answer_does_not_raise_the_dead() -> None:
    store = Store()
    store.upsert(PODS, pod("x", 5))
    assert store.remove(PODS, ("a", "x"), "u1", 8)
    assert not store.upsert(PODS, pod("x", 7))
    assert store.upsert(PODS, pod("x", 9)), "it matches the watch's selector again"


def test_a_new_incarnation_replaces_and_an_old_deletion_leaves_it() -> None:
    store = Store()
    store.upsert(PODS, pod("x", 5))
    assert store.upsert(PODS, pod("x", 9, uid="u2"))
    assert not store.remove(PODS, ("a", "x"), "u1", 8)
    assert not store.upsert(PODS, pod("x", 7, uid="u1"))
    assert store.get(PODS, ("a", "x")) == pod("x", 9, uid="u2")


def test_indices_follow_changes_and_removal() -> None:
    store = Store()
    store.upsert(PODS, pod("early", 1, uid="u0", node="n1"))
    store.add_index(PODS, "node", by_node)
    store.upsert(PODS, pod("x", 2, node="n1"))
    assert [b["metadata"]["name"] for b in store.by_index(PODS, "node", "n1")] == ["early", "x"]
    store.upsert(PODS, pod("x", 3, node="n2"))
    assert [b["metadata"]["name"] for b in store.by_index(PODS, "node", "n1")] == ["early"]
    store.remove(PODS, ("a", "x"))
    assert store.by_index(PODS, "node", "n2") == []
    with pytest.raises(KeyError):
        store.by_index(PODS, "colour", "red")


def test_listeners_see_the_new_and_the_replaced_body_whoever_wrote() -> None:
    store = Store()
    seen: list[str] = []
    store.subscribe(PODS, lambda b: seen.append(b["metadata"]["resourceVersion"]))
    store.upsert(PODS, pod("x", 1))
    store.upsert(PODS, pod("x", 2))
    store.upsert(PODS, pod("x", 1))
    store.remove(PODS, ("a", "x"))
    assert seen == ["1", "1", "2", "2"]


async def test_synced_is_per_kind() -> None:
    store = Store()
    assert not store.synced(PODS)
    store.mark_synced(PODS)
    await store.wait_synced(PODS)
    assert store.synced(PODS)
    assert not store.synced(PODS, "nodes")


def test_an_object_that_an_index_cannot_read_is_kept_and_does_not_stop_the_others() -> None:
    store = Store()
    store.add_index(PODS, "node", by_node)
    broken: Body = {"metadata": {"namespace": "a", "name": "broken", "uid": "u9", "resourceVersion": "1"}}
    assert store.upsert(PODS, broken)
    store.upsert(PODS, pod("x", 2, node="n1"))
    assert len(store.by_index(PODS, "node", "n1")) == 1
    assert store.remove(PODS, ("a", "broken"))
