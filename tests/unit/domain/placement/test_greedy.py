"""The greedy solver on small fleets, where the right answer can be seen."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from policloud.domain.placement.explain import message, summary, waiting_reason
from policloud.domain.placement.model import (
    DataSource,
    Decision,
    PoolView,
    Refusal,
    Snapshot,
    UnitVerdict,
    UnitView,
    WorkloadView,
)
from policloud.domain.placement.solve import GreedySolver
from policloud.domain.reasons import Reason
from policloud.domain.sovereignty.model import SovereigntyRules, UnitFacts
from policloud.testing.placement_check import violations

NOW = datetime(2026, 11, 24, 9, 14, tzinfo=UTC)
FRANCE = SovereigntyRules(location_allow=frozenset({"FR"}))


def pool(*free: int, watts: int = 350, product: str = "NVIDIA-L40S", nodes: int | None = None) -> PoolView:
    total = 8 * (len(free) if nodes is None else nodes)
    return PoolView("gpu", product, 48, 8, tuple(sorted(free, reverse=True)), total, watts)


def unit(name: str, *free: int, country: str = "FR", watts: int = 100_000, **more: object) -> UnitView:
    view = UnitView(
        site=name.rsplit("-", 1)[0],
        unit=name,
        facts=UnitFacts(country=country),
        pools=(pool(*free),),
        free_watts=watts,
        total_watts=100_000,
        price_per_kwh=Decimal("0.10"),
        grams_per_kwh=50,
    )
    return replace(view, **more)  # type: ignore[arg-type]


def work(name: str = "a", **more: object) -> WorkloadView:
    view = WorkloadView(
        uid=name,
        namespace="tenant",
        name=name,
        kind="Inference",
        priority=500,
        created=NOW,
        rules=FRANCE,
        replicas=1,
        min_replicas=1,
        gpus_per_replica=1,
        products=frozenset(),
        memory_gib=0,
        confidential_required=False,
        splittable=True,
        gang=False,
    )
    return replace(view, **more)  # type: ignore[arg-type]


def solve(units: list[UnitView], *workloads: WorkloadView) -> Decision:
    snapshot = Snapshot(NOW, tuple(units), workloads)
    decision = GreedySolver().solve(snapshot)
    assert violations(snapshot, decision) == []
    return decision


def placed(decision: Decision, uid: str = "a") -> dict[str, int]:
    return {a.unit: a.replicas for a in decision.workloads[uid].assignments}


def verdict(decision: Decision, name: str, uid: str = "a") -> UnitVerdict:
    return next(v for v in decision.workloads[uid].verdicts if v.unit == name)


def reasons(decision: Decision, uid: str = "a") -> dict[str, str | None]:
    return {v.unit: v.reason and v.reason.value for v in decision.workloads[uid].verdicts}


def test_the_cheapest_lawful_unit_takes_it() -> None:
    cheap = unit("texas-1", 8, country="US", price_per_kwh=Decimal("0.01"))
    fair = unit("nord-1", 8, price_per_kwh=Decimal("0.08"))
    decision = solve([cheap, fair, unit("sud-1", 8)], work(replicas=3))
    assert placed(decision) == {"nord-1": 3}
    assert reasons(decision) == {"nord-1": None, "sud-1": None, "texas-1": "LocationNotAllowed"}
    assert verdict(decision, "nord-1").score < verdict(decision, "sud-1").score  # type: ignore[operator]


def test_an_assignment_says_what_it_takes() -> None:
    (made,) = solve([unit("nord-1", 8)], work(replicas=2, gpus_per_replica=2)).workloads["a"].assignments
    assert (made.replicas, made.gpus, made.max_watts, made.typical_watts) == (2, 4, 1400, 1120)
    assert (made.products, made.gpus_by_pool) == (("NVIDIA-L40S",), (("gpu", 4),))


def test_it_is_shared_over_units_when_one_is_too_small() -> None:
    assert placed(solve([unit("nord-1", 3), unit("sud-1", 4)], work(replicas=6))) == {"nord-1": 3, "sud-1": 3}


def test_gpus_count_by_node() -> None:
    decision = solve([unit("nord-1", 1, 1, 1, 1)], work(gpus_per_replica=2))
    said = verdict(decision, "nord-1")
    assert (said.reason, said.measured, said.required, said.margin) == (
        Reason.INSUFFICIENT_GPUS, "4 GPUs free, 1 on one node", "2 GPUs on one node", "-1 GPU",
    )  # fmt: skip


def test_never_fits_full_and_powerless_are_three_things() -> None:
    tiny = unit("tiny-1", 8, pools=(replace(pool(4), per_node=4, total_gpus=4),))
    dark = unit("dark-1", 8, watts=400)
    full = replace(unit("full-1"), pools=(pool(nodes=13),))
    decision = solve([tiny, full, dark], work(gpus_per_replica=8))
    assert reasons(decision) == {"dark-1": "InsufficientPower", "full-1": "InsufficientGPUs", "tiny-1": "NeverFits"}
    said = verdict(decision, "dark-1")
    assert (said.measured, said.required, said.margin) == ("400 W", "2800 W", "-2400 W")
    assert verdict(decision, "tiny-1").required == "8 GPUs on one node"


def test_never_fits_by_watts() -> None:
    decision = solve([unit("small-1", 8, watts=0, total_watts=2000)], work(gpus_per_replica=8))
    said = verdict(decision, "small-1")
    assert (said.reason, said.measured, said.required) == (Reason.NEVER_FITS, "2 kW for GPUs at most", "2.8 kW")


def test_watts_limit_what_gpus_would_allow() -> None:
    decision = solve([unit("nord-1", 8, watts=1000)], work(replicas=4))
    assert placed(decision) == {"nord-1": 2}
    assert decision.workloads["a"].unplaced == 2
    assert reasons(decision) == {"nord-1": "InsufficientPower"}


def test_minima_come_before_extras_of_higher_priority() -> None:
    decision = solve([unit("nord-1", 8)], work("rich", replicas=8, priority=900), work("poor", priority=100))
    assert placed(decision, "poor") == {"nord-1": 1}
    assert placed(decision, "rich") == {"nord-1": 7}


def test_priority_decides_among_minima() -> None:
    fleet = [unit("nord-1", 1)]
    decision = solve(fleet, work("low", priority=100), work("high", priority=900))
    assert (placed(decision, "high"), placed(decision, "low")) == ({"nord-1": 1}, {})


def test_the_most_constrained_goes_first_within_a_priority() -> None:
    fleet = [unit("nord-1", 1, price_per_kwh=Decimal("0.01")), unit("spain-1", 1, country="ES")]
    free = work("a", rules=SovereigntyRules())
    decision = solve(fleet, free, work("b"))
    assert (placed(decision, "a"), placed(decision, "b")) == ({"spain-1": 1}, {"nord-1": 1})


class TestGangs:
    def test_whole_on_one_unit_or_not_at_all(self) -> None:
        job = work(kind="Batch", replicas=8, min_replicas=8, splittable=False, gang=True)
        assert placed(solve([unit("nord-1", 4), unit("sud-1", 8)], job)) == {"sud-1": 8}
        decision = solve([unit("nord-1", 4, 4), unit("sud-1", 4)], replace(job, gpus_per_replica=2))
        assert placed(decision) == {}
        assert verdict(decision, "nord-1").margin == "-8 GPUs"

    def test_over_units_all_or_none(self) -> None:
        service = work(replicas=8, min_replicas=8, gang=True)
        assert placed(solve([unit("nord-1", 4), unit("sud-1", 4)], service)) == {"nord-1": 4, "sud-1": 4}
        decision = solve([unit("nord-1", 4), unit("sud-1", 3)], service)
        assert placed(decision) == {}
        assert verdict(decision, "nord-1").measured == "room for 7 replicas on all units"

    def test_larger_than_the_unit_empty(self) -> None:
        job = work(kind="Batch", replicas=128, min_replicas=128, splittable=False, gang=True, gpus_per_replica=8)
        decision = solve([unit("nord-1", *[8] * 13)], job)
        said = verdict(decision, "nord-1")
        assert (said.reason, said.measured) == (Reason.NEVER_FITS, "room for 104 GPUs when empty")
        assert waiting_reason(decision.workloads["a"].verdicts).value == "NeverFits"


class TestBatch:
    JOB = work(kind="Batch", replicas=8, splittable=False)

    def test_on_the_one_unit_that_takes_most(self) -> None:
        decision = solve([unit("nord-1", 3, price_per_kwh=Decimal("0.01")), unit("sud-1", 5)], self.JOB)
        assert placed(decision) == {"sud-1": 5}
        assert verdict(decision, "nord-1").reason is Reason.SPREAD_LIMIT

    def test_grows_only_where_it_runs(self) -> None:
        job = replace(self.JOB, running={"nord-1": 2})
        assert placed(solve([unit("nord-1", 3), unit("sud-1", 8)], job)) == {"nord-1": 3}


class TestSpread:
    def test_at_most_so_many_in_a_domain_running_ones_included(self) -> None:
        service = work(replicas=6, running={"nord-1": 2}, spread_over="Unit", spread_max_per_domain=3)
        decision = solve([unit("nord-1", 8), unit("sud-1", 8)], service)
        assert placed(decision) == {"nord-1": 1, "sud-1": 3}
        full = solve([unit("nord-1", 8)], service)
        assert full.workloads["a"].unplaced == 3
        said = verdict(full, "nord-1")
        assert (said.reason, said.measured, said.required) == (
            Reason.SPREAD_LIMIT, "3 replicas there", "at most 3 per unit",
        )  # fmt: skip

    def test_two_units_of_one_site_are_one_domain(self) -> None:
        fleet = [unit("texas-1", 8), unit("texas-2", 8), unit("nord-1", 8)]
        decision = solve(fleet, work(replicas=4, spread_over="Site", spread_max_per_domain=2))
        assert placed(decision) == {"nord-1": 2, "texas-1": 2}

    def test_evenly_without_a_limit(self) -> None:
        fleet = [unit("a-1", 8, price_per_kwh=Decimal("0.01")), unit("b-1", 8), unit("c-1", 1)]
        assert placed(solve(fleet, work(replicas=5, spread_over="Unit"))) == {"a-1": 2, "b-1": 2, "c-1": 1}


class TestPrice:
    def test_it_stays_where_it_runs_if_that_is_about_as_good(self) -> None:
        fleet = [unit("nord-1", 8), unit("sud-1", 8, price_per_kwh=Decimal("0.11"))]
        assert placed(solve(fleet, work(replicas=2, running={"sud-1": 1}))) == {"sud-1": 1}

    def test_carbon_counts_as_the_weights_say(self) -> None:
        clean = unit("wind-1", 8, price_per_kwh=Decimal("0.12"), grams_per_kwh=11)
        dirty = unit("coal-1", 8, price_per_kwh=Decimal("0.10"), grams_per_kwh=700)
        assert placed(solve([clean, dirty], work(weights={"cost": 100}))) == {"coal-1": 1}
        assert placed(solve([clean, dirty], work(weights={"cost": 20, "carbon": 80}))) == {"wind-1": 1}

    def test_data_weighs(self) -> None:
        fleet = [unit("far-1", 8, price_per_kwh=Decimal("0.01")), unit("archive-1", 8)]
        assert placed(solve(fleet, work(data=(DataSource("archive-1", 4000),)))) == {"archive-1": 1}

    def test_silence_is_no_advantage(self) -> None:
        silent = unit("silent-1", 8, price_per_kwh=None, grams_per_kwh=None)
        assert placed(solve([silent, unit("told-1", 8), unit("dear-1", 0, price_per_kwh=Decimal(1))], work())) == {
            "told-1": 1
        }

    def test_other_currencies_need_a_rate(self) -> None:
        texan = unit("texas-1", 8, price_per_kwh=Decimal("0.05"), currency="USD")
        asked = work(max_price_per_gpu_hour=Decimal("0.02"))
        assert verdict(solve([texan], asked), "texas-1").measured == "no price known in EUR"
        snapshot = Snapshot(NOW, (texan,), (asked,), rates={"USD": Decimal("0.90")})
        assert placed(GreedySolver().solve(snapshot)) == {"texas-1": 1}


@pytest.mark.parametrize(
    ("asked", "changed", "reason", "measured"),
    [
        ({"products": frozenset({"NVIDIA-H100"})}, {}, "GPUProductMismatch", "NVIDIA-L40S"),
        ({"memory_gib": 80}, {}, "GPUMemoryTooSmall", "48 GiB"),
        ({"confidential_required": True}, {}, "ConfidentialNotSupported", "no confidential GPUs"),
        ({"kind": "VirtualMachine"}, {"serves_virtual_machines": False}, "KindNotServed", "KubeVirt is not installed"),
        ({"latency_regions": frozenset({"eu-west"})}, {"region": "us-south"}, "LatencyTooHigh", "region us-south"),
        (
            {"latency_regions": frozenset({"eu-west"}), "latency_max_ms": 40},
            {"latency_ms": {"eu-west": 55}},
            "LatencyTooHigh",
            "55 ms",
        ),
        ({"storage_gib": 200}, {}, "StorageMissing", "0 GiB of storage"),
        (
            {"encrypted_storage_gib": 200, "storage_gib": 200},
            {"storage_classes_gib": {"nvme": 500}},
            "StorageMissing",
            "0 GiB of encrypted storage",
        ),
        (
            {"storage_by_class_gib": {"fast": 9}, "storage_gib": 9},
            {"storage_classes_gib": {"nvme": 500}},
            "StorageMissing",
            "0 GiB of class fast",
        ),
        ({"max_price_per_gpu_hour": Decimal("0.03")}, {}, "PriceAboveLimit", "0.035 EUR"),
        ({"max_grams_per_kwh": 20}, {}, "CarbonAboveLimit", "50 g/kWh"),
        ({"max_grams_per_kwh": 20}, {"grams_per_kwh": None}, "CarbonAboveLimit", "carbon unknown"),
        ({"unmeasured_limits": ("x",)}, {}, "CarbonAboveLimit", "x is not measured yet"),
        ({"deadline": NOW}, {}, "DeadlineUnreachable", "the deadline has passed"),
        (
            {"deadline": NOW + timedelta(hours=10), "estimated_gpu_hours": Decimal(40), "replicas": 2},
            {},
            "DeadlineUnreachable",
            "20.0 h with 2 GPUs",
        ),
        (
            {},
            {"closed": Reason.UNIT_UNREACHABLE, "closed_detail": "last seen 09:01"},
            "UnitUnreachable",
            "last seen 09:01",
        ),
        ({"refusals": {"nord-1": Refusal("RefusedByMandate: tenant", None)}}, {}, "RefusedByMandate", "tenant"),
        ({"refusals": {"nord-1": Refusal("InsufficientPower: 0 fit", None)}}, {}, "InsufficientPower", "0 fit"),
        ({"refusals": {"nord-1": Refusal("NoAnswer", None)}}, {}, "RefusedBySite", "NoAnswer"),
        ({"avoid_units": frozenset({"nord-1"})}, {}, "PendingEvaluation", "its release there is under way"),
    ],
)
def test_each_reason(asked: dict[str, object], changed: dict[str, object], reason: str, measured: str) -> None:
    decision = solve([unit("nord-1", 8, **changed)], work(**asked))  # type: ignore[arg-type]
    said = verdict(decision, "nord-1")
    assert (said.reason and said.reason.value, said.measured) == (reason, measured)
    assert placed(decision) == {}


def test_a_refusal_that_is_over_is_no_refusal() -> None:
    past = {"nord-1": Refusal("Power", NOW)}
    assert placed(solve([unit("nord-1", 8)], work(refusals=past))) == {"nord-1": 1}


def test_the_law_comes_first_whatever_else_is_wrong() -> None:
    texan = unit("texas-1", 0, country="US", closed=Reason.UNIT_UNREACHABLE, closed_detail="gone")
    assert reasons(solve([texan], work(memory_gib=90))) == {"texas-1": "LocationNotAllowed"}


class TestWords:
    HEALTH = work(replicas=6, min_replicas=2, running={"cannes-1": 2}, gpus_per_replica=4)
    FLEET = (
        replace(unit("cannes-1"), pools=(pool(nodes=13),)),
        unit("dijon-1", 8),
        unit("rougeline-1", 8, watts=0, power_back_at=datetime(2026, 11, 24, 11, 30, tzinfo=UTC)),
        unit("texas-1", 8, country="US"),
    )

    def decided(self) -> tuple[WorkloadView, Decision]:
        no = Refusal("RefusedByMandate: tenant not in mandate", None)
        view = replace(self.HEALTH, refusals={"dijon-1": no})
        return view, solve(list(self.FLEET), view)

    def test_one_line_says_it_all(self) -> None:
        view, decision = self.decided()
        assert message(view, decision.workloads["a"], NOW) == (
            "2 of 6 replicas run (minimum 2). 3 units fit by law; rougeline-1 lacks 1.4 kW until about 11:30, "
            "cannes-1 is full, dijon-1 refused: tenant not in mandate."
        )

    def test_counts(self) -> None:
        _, decision = self.decided()
        told = summary(decision.workloads["a"].verdicts)
        assert (told.fits, told.of) == (3, 4)
        assert told.reasons == {
            "InsufficientGPUs": 1, "InsufficientPower": 1, "LocationNotAllowed": 1, "RefusedByMandate": 1,
        }  # fmt: skip
        assert waiting_reason(decision.workloads["a"].verdicts).value == "WaitingForEnergy"

    def test_no_unit_at_all(self) -> None:
        view = work()
        assert message(view, solve([], view).workloads["a"], NOW) == "0 of 1 replica runs. There is no unit."

    def test_no_lawful_unit_names_the_smallest_change(self) -> None:
        view = work()
        decision = solve([unit("texas-1", 8, country="US")], view)
        assert message(view, decision.workloads["a"], NOW) == (
            "0 of 1 replica runs. No unit of 1 fits: LocationNotAllowed 1. Nearest: texas-1 (US; needed: [FR]). "
            "Smallest change: allow location US: texas-1 takes it."
        )
        assert waiting_reason(decision.workloads["a"].verdicts).value == "NoUnitAllowed"


@pytest.mark.parametrize(
    ("asked", "fleet", "line"),
    [
        ({"replicas": 4}, [unit("hera-1", 8, country="ES")], "allow location ES: hera-1 takes all 4 replicas"),
        (
            {"replicas": 9},
            [unit("a-1", 8, country="ES"), unit("b-1", 8, country="ES")],
            "allow location ES: a-1, b-1 take all 9 replicas",
        ),
        ({"memory_gib": 80}, [unit("nord-1", 8)], "ask for 48 GiB of GPU memory: nord-1 takes it"),
        ({"gpus_per_replica": 16}, [unit("nord-1", 5)], "ask for 5 GPUs per replica: nord-1 takes it"),
        ({"max_grams_per_kwh": 20}, [unit("nord-1", 8)], "accept 50 g/kWh: nord-1 takes it"),
        (
            {"replicas": 3, "spread_over": "Site", "spread_max_per_domain": 1},
            [unit("nord-1", 8)],
            "allow more than 1 per site: nord-1 takes all 2 replicas",
        ),
        ({}, [unit("nord-1", 8, watts=100)], "250 W more for GPUs: nord-1 takes it"),
        (
            {"replicas": 8, "kind": "Batch", "splittable": False, "gang": True},
            [unit("nord-1", 3)],
            "ask for 3 replicas at once: nord-1 takes 3 of 8 replicas",
        ),
    ],
)
def test_the_smallest_change_that_would_help(asked: dict[str, object], fleet: list[UnitView], line: str) -> None:
    assert solve(fleet, work(**asked)).workloads["a"].relaxations[0] == line


def test_a_change_that_would_not_be_enough_is_not_proposed() -> None:
    """Law and room are against it: no single change helps."""
    full = replace(unit("hera-1", country="ES"), pools=(pool(nodes=13),))
    assert solve([full], work()).workloads["a"].relaxations == ()
