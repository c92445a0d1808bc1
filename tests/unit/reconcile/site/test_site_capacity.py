"""Capacity from bodies alone: what counts as used, what as free, and what as powered."""

from datetime import UTC, datetime
from typing import Any

from policloud.domain.energy.freshness import Quality
from policloud.reconcile.site.book import SourceBook, SourceState
from policloud.reconcile.site.capacity import CapacityReader
from policloud.reconcile.site.holdings import Promise, UnitState
from policloud.runtime.store import Store
from sitelab import Body, node, source, unit, workload

NOW = datetime(2026, 11, 24, tzinfo=UTC)
GPU_WATTS = 350


class Shelf:
    """A store with one unit `u` of two nodes of eight GPUs."""

    def __init__(self, watts: int | None = 100_000, **spec: Any) -> None:
        self.store, self.book, self.promised = Store(), SourceBook(), list[Promise]()
        self.reader = CapacityReader(self.store, self.book, ours=lambda _: True, promises=lambda: self.promised)
        self._version = 0
        self.put("policloudunits.policloud.io", unit("u", "FR-01", **spec))
        self.put("energysources.policloud.io", source("u"))
        if watts is not None:
            self.wind(watts)
        for n in range(2):
            self.put("nodes", node(f"n{n}", "u", ready=True))

    def put(self, kind: str, body: Body) -> None:
        self._version += 1
        key = (body["metadata"].get("namespace", ""), body["metadata"]["name"])
        old = self.store.get(kind, key)
        uid = old["metadata"]["uid"] if old else f"uid-{self._version}"
        body["metadata"] |= {"uid": uid, "resourceVersion": str(self._version), "generation": 1}
        self.store.upsert(kind, body)

    def wind(self, watts: int) -> None:
        self.book.put(("policloud-system", "u"), SourceState(watts, Quality.GOOD, "Good", "", NOW))

    def grant(self, name: str, replicas: int, *, gpus: int = 1, state: str = "Running") -> None:
        body = workload("t", name, "FR-01", gpu={"perReplica": gpus})
        body["status"] = {"placements": [{"site": "local", "unit": "u", "replicas": replicas, "state": state}]}
        self.put("sovereignworkloads.policloud.io", body)

    def pod(self, name: str, node_name: str, of: str | None, *, gpus: int = 1, leaving: bool = False) -> None:
        container = {"resources": {"limits": {"nvidia.com/gpu": str(gpus)}}}
        body: Body = {
            "metadata": {"name": name, "namespace": "t", "labels": {"policloud.io/workload": of} if of else {}},
            "spec": {"nodeName": node_name, "containers": [container]},
            "status": {"phase": "Running"},
        }
        if leaving:
            body["metadata"]["deletionTimestamp"] = "2026-11-24T00:00:00Z"
        self.put("pods", body)

    @property
    def unit(self) -> UnitState:
        return self.reader.read().units["u"]

    def free(self) -> list[int]:
        return sorted(f for p in self.unit.pools for f in p.free_by_node.values())


def _used(state: UnitState) -> int:
    assert state.power is not None
    return state.power.used - state.power.base


def test_a_grant_counts_before_any_pod_exists_and_once_when_pods_do() -> None:
    shelf = Shelf()
    shelf.grant("w", 3)
    assert _used(shelf.unit) == 3 * GPU_WATTS
    assert shelf.free() == [5, 8]
    for n in range(3):
        shelf.pod(f"p{n}", "n1", "w")
    assert _used(shelf.unit) == 3 * GPU_WATTS
    assert shelf.free() == [5, 8]


def test_a_pod_that_is_ending_counts_beside_its_replacement() -> None:
    shelf = Shelf()
    shelf.grant("w", 1)
    shelf.pod("old", "n0", "w", leaving=True)
    assert _used(shelf.unit) == 2 * GPU_WATTS
    assert shelf.free() == [7, 7] or shelf.free() == [6, 8]


def test_foreign_pods_with_gpus_count_and_finished_ones_do_not() -> None:
    shelf = Shelf()
    shelf.pod("theirs", "n0", None, gpus=4)
    assert (shelf.unit.foreign_gpus, _used(shelf.unit), shelf.free()) == (4, 4 * GPU_WATTS, [4, 8])
    body = shelf.store.get("pods", ("t", "theirs"))
    assert body is not None
    shelf.put("pods", {**body, "metadata": dict(body["metadata"]), "status": {"phase": "Succeeded"}})
    assert (shelf.unit.foreign_gpus, shelf.free()) == (0, [8, 8])


def test_a_promise_counts_until_the_object_carries_its_sequence() -> None:
    shelf = Shelf()
    shelf.promised.append(Promise(("t", "offer"), "u", 2, 4, 4 * GPU_WATTS, sequence=5))
    assert _used(shelf.unit) == 4 * GPU_WATTS
    body = workload("t", "offer", "FR-01", gpu={"perReplica": 2})
    body["metadata"]["annotations"] = {"policloud.io/offer": '{"offer":"offer","unit":"u","sequence":5,"hub":"h"}'}
    body["status"] = {"placements": [{"site": "local", "unit": "u", "replicas": 1, "state": "Running"}]}
    shelf.put("sovereignworkloads.policloud.io", body)
    assert _used(shelf.unit) == 2 * GPU_WATTS, "now the object speaks"


def test_what_is_held_by_a_workload_can_be_left_out_to_decide_afresh() -> None:
    shelf = Shelf()
    shelf.grant("w", 3)
    shelf.pod("p", "n0", "w")
    assert _used(shelf.reader.read(without={("t", "w")}).units["u"]) == 0
    assert _used(shelf.unit) == 3 * GPU_WATTS


def test_a_node_that_is_not_ready_gives_no_gpus_but_is_powered_until_its_object_is_gone() -> None:
    shelf = Shelf()
    powered = shelf.unit.power
    shelf.put("nodes", node("n1", "u"))
    assert shelf.free() == [8]
    assert shelf.unit.power == powered
    assert [(p.gpus, p.ready_gpus) for p in shelf.unit.pools] == [(16, 8)]
    shelf.store.remove("nodes", ("", "n1"))
    assert powered is not None
    assert shelf.unit.power is not None
    assert shelf.unit.power.base == powered.base - 1000


def test_a_labelled_node_that_is_no_longer_selected_stays_powered_and_takes_nothing() -> None:
    shelf = Shelf()
    stray = node("n1", "elsewhere", ready=True)
    stray["metadata"]["labels"] |= {"policloud.io/unit": "u", "policloud.io/pool": "main"}
    shelf.put("nodes", stray)
    assert shelf.free() == [8]
    assert shelf.unit.power is not None
    assert shelf.unit.power.base == 1000 + 2 * 1000


def test_a_source_that_was_not_read_since_the_start_leaves_power_unknown_and_free_at_zero() -> None:
    shelf = Shelf(watts=None)
    assert shelf.unit.power is None
    assert shelf.unit.free_watts == 0
    assert shelf.unit.unread == ("u",)
    shelf.wind(50_000)
    assert shelf.unit.power is not None, "a reading is news although no object has changed"


def test_nodes_that_their_branch_cannot_carry_take_nothing() -> None:
    electrical = unit("u", "FR-01")["spec"]["electrical"]
    branch = {"name": "a", "limitWatts": 2 * 1000 + 8 * GPU_WATTS, "nodeSelector": {"pool": "u"}}
    shelf = Shelf(electrical=electrical | {"branches": [branch]})
    assert shelf.unit.closed == {"n1"}
    assert shelf.free() == [8]


def test_units_that_are_being_deleted_still_hold_their_part_of_a_source() -> None:
    shelf = Shelf(watts=60_000)
    other = unit("v", "FR-02")
    other["spec"]["electrical"]["sources"] = ["u"]
    other["metadata"]["deletionTimestamp"] = "2026-11-24T00:00:00Z"
    shelf.put("policloudunits.policloud.io", other)
    assert shelf.unit.source_watts == 30_000, "deleting a unit raises nobody's limit before it is gone"
    shelf.store.remove("policloudunits.policloud.io", ("policloud-system", "v"))
    assert shelf.unit.source_watts == 60_000
