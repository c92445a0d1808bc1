"""What a hub sees of a unit, and when it hears of it."""

import copy
from typing import Any

import pytest

from policloud.api.resources import POLICLOUD_UNIT, WORK_OFFER
from policloud.domain.federation.link import LinkReason, LinkState
from policloud.ports import Body, Cluster
from policloud.reconcile.site.publish import HUB_OFFERS, LEFT_OVER, UnitPublisher
from policloud.reconcile.site.published import is_news, published_copy, published_status, publishes
from policloud.runtime.outcome import Done, RequeueAfter
from policloud.runtime.store import Store
from policloud.testing.clock import VirtualClock
from policloud.testing.fake import FakeCluster

UNIT: Body = {
    "apiVersion": "policloud.io/v1alpha1",
    "kind": "PolicloudUnit",
    "metadata": {"name": "rougeline-1", "namespace": "policloud-system", "generation": 4},
    "spec": {
        "model": "P360",
        "location": {"country": "FR", "subdivision": "FR-47", "latitude": "44.10", "timeZone": "Europe/Paris"},
        "operator": {"name": "Policloud", "jurisdiction": "FR"},
        "exposures": [],
        "certifications": [{"scheme": "HDS", "validUntil": "2028-06-30"}],
        "electrical": {"limitWatts": 320000, "otherMaxWatts": 9000, "sources": ["grid"]},
        "heat": {"sink": "greenhouse"},
        "cooling": {"kind": "DryCooler"},
        "policy": {"objective": {"cost": 100}},
        "pools": [
            {
                "name": "l40s",
                "nodeSelector": {"policloud.io/pool": "l40s"},
                "gpu": {"product": "NVIDIA-L40S", "memoryGiB": 48, "perNode": 8},
                "power": {"minWatts": 100, "maxWatts": 350, "failSafeWatts": 245, "hostMaxWatts": 1000},
                "parking": {"granularity": "Node"},
            }
        ],
        "federation": {"publish": ["location", "exposures", "pools", "energy"]},
    },
    "status": {
        "observedGeneration": 4,
        "conditions": [
            {"type": "Ready", "status": "True", "reason": "Operating", "message": "", "observedGeneration": 4}
        ],
        "gpus": {"total": 360, "used": 8},
        "power": {
            "limitWatts": 320000,
            "sourceWatts": 310000,
            "availableWatts": 304000,
            "baseWatts": 70000,
            "usedWatts": 80000,
            "freeWatts": 200000,
            "observedAt": "2026-11-24T10:00:00Z",
        },
        "energy": {"source": "Grid", "pricePerKWh": "0.12", "currency": "EUR", "gramsPerKWh": 52},
        "hub": {"connected": True},
        "summary": {"power": "80 kW / 304 kW", "gpus": "8/360"},
    },
}


def changed(path: str, value: Any, unit: Body = UNIT) -> Body:
    copied = copy.deepcopy(unit)
    *parents, last = path.split(".")
    place = copied
    for parent in parents:
        place = place[parent]
    place[last] = value
    return copied


def test_only_published_blocks_leave_the_site() -> None:
    spec = published_copy(UNIT, "site-rougeline", "rougeline")["spec"]
    assert set(spec) == {"published", "model", "location", "operator", "pools", "federation", "exposures"}
    assert spec["exposures"] == []  # stated to be none: not the same as unknown
    assert spec["pools"][0] == {
        "name": "l40s",
        "gpu": {"product": "NVIDIA-L40S", "memoryGiB": 48, "perNode": 8},
        "power": {"maxWatts": 350},
    }


def test_a_place_that_is_not_published_is_told_by_country_only() -> None:
    unit = changed("spec.federation.publish", ["pools"])
    assert published_copy(unit, "site-a", "a")["spec"]["location"] == {"country": "FR", "subdivision": "FR-47"}


def test_nothing_is_published_unless_the_owner_says_so() -> None:
    assert publishes(UNIT)
    assert not publishes(changed("spec.federation", None))
    assert not publishes(changed("spec.federation.publish", []))
    assert not publishes(changed("spec.published", value=True))


def test_the_status_keeps_what_placement_needs() -> None:
    status = published_status(UNIT, 2)
    assert status["power"] == {
        "limitWatts": 320000, "availableWatts": 304000, "usedWatts": 80000, "freeWatts": 200000,
    }  # fmt: skip
    assert status["energy"] == {"source": "Grid", "pricePerKWh": "0.12", "currency": "EUR"}  # carbon is not published
    assert status["observedGeneration"] == 2
    assert "hub" not in status


@pytest.mark.parametrize(
    ("path", "value", "news"),
    [
        ("status.power.freeWatts", 184_001, False),
        ("status.power.freeWatts", 184_000, True),  # a twentieth of the limit
        ("status.power.freeWatts", -1, True),
        ("status.power.availableWatts", 319_999, False),
        ("status.summary.power", "81 kW / 304 kW", False),
        ("status.gpus.used", 16, True),
        ("status.conditions", [], True),
        ("status.held", [{"hub": "h", "namespace": "n", "name": "w"}], True),
    ],
)
def test_small_changes_of_power_are_no_news(path: str, value: object, *, news: bool) -> None:
    assert is_news(published_status(UNIT, 1), published_status(changed(path, value), 1)) is news


def test_free_power_that_appears_or_vanishes_is_always_news() -> None:
    full, little = changed("status.power.freeWatts", 0), changed("status.power.freeWatts", 1)
    assert is_news(published_status(full, 1), published_status(little, 1))


class Line:
    """A link that a test plugs in and out."""

    def __init__(self, cluster: Cluster | None) -> None:
        self.cluster = cluster
        self.state = LinkState(LinkReason.CONNECTED)
        self.namespace = "site-rougeline"

    def sign(self, prefix: bytes, message: bytes) -> str:
        raise NotImplementedError


KEY = ("policloud-system", "rougeline-1")


class Bench:
    def __init__(self) -> None:
        self.local, self.remote = FakeCluster(), FakeCluster()
        self.store, self.clock = Store(), VirtualClock()
        self.line = Line(self.remote)
        self.publisher = UnitPublisher(self.local, self.store, self.clock, self.line, namespace="policloud-system")
        self.store.mark_synced(str(POLICLOUD_UNIT))
        self.store.mark_synced(HUB_OFFERS)

    async def has(self, unit: Body) -> None:
        spec = {k: v for k, v in unit.items() if k != "status"}
        body = await self.local.apply(POLICLOUD_UNIT, copy.deepcopy(spec), manager="owner")
        body = await self.local.apply_status(
            POLICLOUD_UNIT, {**copy.deepcopy(unit), "metadata": {"name": KEY[1], "namespace": KEY[0]}}, manager="site"
        )
        self.store.upsert(str(POLICLOUD_UNIT), body)

    async def loses(self) -> None:
        await self.local.delete(POLICLOUD_UNIT, *KEY)
        self.store.remove(str(POLICLOUD_UNIT), KEY)

    async def copies(self) -> list[Body]:
        return (await self.remote.list(POLICLOUD_UNIT, "site-rougeline")).items

    def offer(self, **status: Any) -> Body:
        return {
            "metadata": {"name": "w-1", "namespace": "site-rougeline", "uid": "u", "resourceVersion": "1"},
            "spec": {"unit": KEY[1], "withdrawn": False},
            "status": status,
        }


async def test_spec_and_status_are_written_once_and_then_only_when_they_are_news() -> None:
    bench = Bench()
    await bench.has(UNIT)
    assert await bench.publisher.reconcile(KEY) == Done()
    written = len(bench.remote.writes)
    assert written == 2
    await bench.has(changed("status.power.freeWatts", 195_000))
    await bench.publisher.reconcile(KEY)
    assert len(bench.remote.writes) == written
    await bench.has(changed("status.gpus.used", 24))
    paced = await bench.publisher.reconcile(KEY)
    assert isinstance(paced, RequeueAfter)
    assert len(bench.remote.writes) == written
    bench.clock.advance_now(paced.seconds)
    assert await bench.publisher.reconcile(KEY) == Done()
    assert (await bench.copies())[0]["status"]["gpus"]["used"] == 24


async def test_a_verdict_that_flips_does_not_wait_for_its_turn() -> None:
    bench = Bench()
    await bench.has(UNIT)
    await bench.publisher.reconcile(KEY)
    await bench.has(changed("status.conditions", [{"type": "Ready", "status": "False", "reason": "NoSource"}]))
    assert await bench.publisher.reconcile(KEY) == Done()
    assert (await bench.copies())[0]["status"]["conditions"][0]["status"] == "False"


async def test_without_a_line_nothing_happens_and_after_it_everything_is_read_anew() -> None:
    bench = Bench()
    await bench.has(UNIT)
    bench.line.cluster = None
    assert await bench.publisher.reconcile(KEY) == Done()
    assert not bench.remote.writes
    bench.line.cluster = bench.remote
    await bench.publisher.reconcile(KEY)
    other = FakeCluster()  # the hub was rebuilt from nothing
    bench.line.cluster = other
    bench.publisher.reconnected()
    await bench.publisher.reconcile(KEY)
    assert [u["metadata"]["name"] for u in (await other.list(POLICLOUD_UNIT)).items] == [KEY[1]]


async def test_a_unit_that_is_gone_is_taken_away_after_its_last_offer() -> None:
    bench = Bench()
    await bench.has(UNIT)
    await bench.publisher.reconcile(KEY)
    bench.store.upsert(HUB_OFFERS, bench.offer(state="Running", running={"replicas": 1}))
    await bench.loses()
    assert isinstance(await bench.publisher.reconcile(KEY), RequeueAfter)
    assert await bench.copies()
    released = {**bench.offer(state="Released"), "metadata": {**bench.offer()["metadata"], "resourceVersion": "2"}}
    bench.store.upsert(HUB_OFFERS, released)
    assert await bench.publisher.reconcile(LEFT_OVER) == Done()
    assert not await bench.copies()


async def test_an_empty_store_alone_takes_nothing_away() -> None:
    bench = Bench()
    await bench.has(UNIT)
    await bench.publisher.reconcile(KEY)
    bench.store.remove(str(POLICLOUD_UNIT), KEY)  # not seen, but the API server has it
    await bench.publisher.reconcile(KEY)
    assert await bench.copies()
    bench.local.missing.add(str(POLICLOUD_UNIT))  # the kind itself is gone: no word about the unit
    await bench.publisher.reconcile(LEFT_OVER)
    assert await bench.copies()


async def test_offers_that_were_not_listed_yet_keep_the_copy() -> None:
    bench = Bench()
    bench.store = Store()
    publisher = UnitPublisher(bench.local, bench.store, bench.clock, bench.line, namespace=KEY[0])
    bench.store.mark_synced(str(POLICLOUD_UNIT))
    await bench.has(UNIT)
    await publisher.reconcile(KEY)
    await bench.loses()
    assert isinstance(await publisher.reconcile(KEY), RequeueAfter)
    assert await bench.copies()


def test_the_offers_kind_is_the_one_that_the_link_fills() -> None:
    assert f"hub/{WORK_OFFER}" == HUB_OFFERS
