from policloud.runtime.feed import Feed
from policloud.runtime.store import Body, Key, Store, key_of


def thing(name: str, version: int, *, uid: str | None = None, namespace: str = "a") -> Body:
    return {
        "metadata": {
            "namespace": namespace,
            "name": name,
            "uid": uid or f"uid-{name}",
            "resourceVersion": str(version),
        }
    }


def feed() -> tuple[Feed, Store, list[Key]]:
    store, told = Store(), list[Key]()
    return Feed(store, "things", lambda b: told.append(key_of(b))), store, told


def test_a_whole_list_tells_what_was_missed() -> None:
    f, store, told = feed()
    for name in "abc":
        f.upsert(thing(name, 1))
    told.clear()
    found = f.replace([thing("a", 1), thing("b", 5), thing("d", 6)], "10")
    assert (found.added, found.updated, found.deleted) == ([("a", "d")], [("a", "b")], [("a", "c")])
    assert set(told) == {("a", "b"), ("a", "c"), ("a", "d")}
    assert store.synced("things")


def test_what_is_younger_than_the_list_is_not_deleted() -> None:
    f, store, _ = feed()
    f.upsert(thing("young", 11))
    assert not f.replace([], "10").deleted
    assert store.get("things", ("a", "young")) is not None


def test_what_another_feed_sees_is_left_alone() -> None:
    f, store, _ = feed()
    narrow = Feed(store, "things", lambda _: None, accepts=lambda b: b["metadata"]["namespace"] == "b")
    f.upsert(thing("x", 1))
    assert not narrow.replace([], "10").deleted
    assert store.tracks("things", thing("y", 1))


def test_a_deleted_and_recreated_object_is_an_update() -> None:
    f, store, _ = feed()
    f.upsert(thing("x", 1))
    found = f.replace([thing("x", 5, uid="other")], "10")
    assert found.updated == [("a", "x")]
    assert store.get("things", ("a", "x")) == thing("x", 5, uid="other")
