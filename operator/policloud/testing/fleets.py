"""Random fleets and workloads from a seed: input for property tests and benchmarks. All figures are invented."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random

from policloud.domain.placement.model import PoolView, Refusal, Snapshot, UnitView, WorkloadView
from policloud.domain.reasons import Reason
from policloud.domain.sovereignty.model import (
    Certification,
    CertificationRule,
    Owner,
    OwnershipPeriod,
    SovereigntyRules,
    UnitFacts,
)

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
TODAY = NOW.date()
SINCE = date(2026, 1, 1)
COUNTRIES = ("FR", "FR", "FR", "DE", "ES", "IT", "NL", "NO", "CH", "GB", "US", "AE")
# product, GiB, GPUs per node, rated watts
PRODUCTS = (("NVIDIA-L40S", 48, 8, 350), ("NVIDIA-RTX-PRO-6000", 96, 8, 600), ("NVIDIA-H100", 80, 8, 700))
SCHEMES = ("ISO27001", "HDS", "SecNumCloud", "C5")
REGIONS = {
    "FR": "eu-west",
    "ES": "eu-south",
    "IT": "eu-south",
    "DE": "eu-central",
    "NL": "eu-central",
    "US": "us-south",
}


def random_snapshot(rng: Random, *, units: int, workloads: int, classes: int | None = None) -> Snapshot:
    """A fleet of `units` units and as many workloads as asked for, some running in part already.

    `classes`: how many kinds of demand there are (tenants start the same thing many times); None: all differ.
    """
    fleet = tuple(random_unit(rng, index) for index in range(units))
    if classes is None:
        return Snapshot(NOW, fleet, tuple(random_workload(rng, index, fleet) for index in range(workloads)))
    templates = [random_workload(rng, index, fleet) for index in range(classes)]
    return Snapshot(NOW, fleet, tuple(_again(rng, rng.choice(templates), index) for index in range(workloads)))


def _again(rng: Random, template: WorkloadView, index: int) -> WorkloadView:
    created = NOW - timedelta(minutes=rng.randrange(600))
    return replace(template, uid=f"uid-{index:05}", name=f"work-{index:05}", created=created)


def random_unit(rng: Random, index: int) -> UnitView:
    """One unit of 24 to 400 GPUs, partly used, with power for some of the rest."""
    country = rng.choice(COUNTRIES)
    pools = tuple(_pool(rng, number) for number in range(rng.choice((1, 1, 1, 2))))
    rated = sum(p.total_gpus * p.watts_per_gpu for p in pools)
    total = int(rated * rng.choice((0.5, 0.8, 1.0)))
    closed = rng.choice((Reason.UNIT_UNREACHABLE, Reason.MEMBERSHIP_PAUSED)) if _chance(rng, 5) else None
    return UnitView(
        site=f"site-{index // 2:04}",
        unit=f"unit-{index:04}",
        facts=random_facts(rng, country),
        pools=pools,
        free_watts=int(total * rng.random()),
        total_watts=total,
        region=REGIONS.get(country),
        latency_ms={"eu-west": rng.randrange(5, 120)} if _chance(rng, 70) else {},
        price_per_kwh=Decimal(rng.randrange(2, 40)) / 100 if _chance(rng, 90) else None,
        grams_per_kwh=rng.randrange(10, 500) if _chance(rng, 90) else None,
        storage_classes_gib={"nvme": rng.randrange(0, 500_000)},
        encrypted_gib=rng.randrange(0, 100_000),
        serves_virtual_machines=_chance(rng, 50),
        closed=closed,
        closed_detail="last seen 10 min ago" if closed else "",
        power_back_at=NOW + timedelta(hours=rng.randrange(1, 24)) if _chance(rng, 30) else None,
    )


def random_facts(rng: Random, country: str) -> UnitFacts:
    """Facts of a unit; about forty different sets, a few with something unknown."""
    share = Decimal(rng.choice((80, 60)))
    mixed = (Owner("Coop", country, share), Owner("Fund", "US", Decimal(20)))
    alone = (Owner("City", country, Decimal(100)),)
    ends = TODAY + timedelta(days=rng.choice((-1, 20, 900)))
    held = rng.sample(SCHEMES, rng.randrange(3))
    return UnitFacts(
        country=country,
        subdivision="FR-47" if country == "FR" and _chance(rng, 30) else None,
        operator_jurisdiction=rng.choice((country, "FR", None)),
        ownership=(OwnershipPeriod(SINCE, mixed if _chance(rng, 30) else alone),),
        certifications=tuple(Certification(scheme, ends) for scheme in sorted(held)),
        exposures=frozenset({"US-CLOUD-Act"}) if country == "US" else frozenset(),
        encrypted_at_rest=rng.choice((True, True, False, None)),
        network_policy_enforced=rng.choice((True, True, True, False)),
    )


def random_workload(rng: Random, index: int, fleet: Sequence[UnitView]) -> WorkloadView:
    """One workload of one of the three classes, under one of a few laws."""
    kind = rng.choice(("Inference", "Inference", "Batch", "VirtualMachine"))
    replicas = 1 if kind == "VirtualMachine" else rng.choice((1, 2, 4, 8, 16, 40))
    gang = kind == "VirtualMachine" or _chance(rng, 20)
    spread = rng.choice((None, None, "Unit", "Site", "Region", "Country"))
    view = WorkloadView(
        uid=f"uid-{index:05}",
        namespace=f"tenant-{index % 7}",
        name=f"work-{index:05}",
        kind=kind,
        priority=rng.choice((100, 300, 500, 800)),
        created=NOW - timedelta(minutes=rng.randrange(600)),
        rules=random_law(rng),
        replicas=replicas,
        min_replicas=replicas if gang else rng.choice((0, 1, min(2, replicas))),
        gpus_per_replica=rng.choice((0, 1)) if kind == "VirtualMachine" else rng.choice((1, 1, 2, 4, 8, 16)),
        products=frozenset(rng.sample([p[0] for p in PRODUCTS], rng.choice((0, 0, 1, 2)))),
        memory_gib=rng.choice((0, 24, 48, 80)),
        confidential_required=_chance(rng, 10),
        splittable=kind == "Inference",
        gang=gang,
        spread_over=spread,
        spread_max_per_domain=rng.choice((None, 1, 2, 5)) if spread else None,
        latency_regions=frozenset({"eu-west"}) if _chance(rng, 20) else None,
        latency_max_ms=rng.choice((None, 40)),
        weights=rng.choice(({}, {"cost": 50, "carbon": 50}, {"cost": 20, "carbon": 60, "latency": 20})),
        storage_gib=rng.choice((0, 0, 200, 50_000)),
        encrypted_storage_gib=rng.choice((0, 0, 200)),
        max_price_per_gpu_hour=rng.choice((None, None, Decimal("0.10"))),
        max_grams_per_kwh=rng.choice((None, None, 120)),
        runs_until=NOW + timedelta(days=30) if kind == "Batch" else None,
        deadline=NOW + timedelta(hours=rng.choice((1, 200))) if kind == "Batch" else None,
        estimated_gpu_hours=Decimal(rng.choice((10, 480))) if kind == "Batch" else None,
    )
    return _among(rng, view, [u.unit for u in fleet]) if fleet else view


def _among(rng: Random, view: WorkloadView, units: list[str]) -> WorkloadView:
    """The workload with a history on some of the units."""
    return replace(
        view,
        running={rng.choice(units): rng.randrange(1, view.replicas + 1)} if _chance(rng, 20) else {},
        refusals={rng.choice(units): _refusal(rng)} if _chance(rng, 20) else {},
        avoid_units=frozenset(rng.sample(units, 1)) if _chance(rng, 5) else frozenset(),
    )


def random_law(rng: Random) -> SovereigntyRules:
    """One of some thirty laws, from none to strict."""
    if _chance(rng, 30):
        return SovereigntyRules()
    return SovereigntyRules(
        location_allow=rng.choice((None, frozenset({"EU"}), frozenset({"FR"}), frozenset({"EEA", "CH"}))),
        operator_allow=rng.choice((None, None, frozenset({"EU"}))),
        ownership_allow=rng.choice((None, None, frozenset({"EU"}))),
        max_foreign_share_each_percent=rng.choice((None, Decimal(24))),
        exposures_deny=rng.choice((frozenset(), frozenset({"US-CLOUD-Act"}))),
        certifications=rng.choice(((), (), (CertificationRule(frozenset({"HDS", "SecNumCloud"})),))),
        encrypted_at_rest=_chance(rng, 20),
        egress_denied=_chance(rng, 20),
    )


def _pool(rng: Random, number: int) -> PoolView:
    product, memory, per_node, watts = rng.choice(PRODUCTS)
    nodes = rng.choice((3, 13, 13, 25, 50))
    free = sorted((rng.randrange(per_node + 1) for _ in range(nodes)), reverse=True)
    return PoolView(
        name=f"pool-{number}",
        product=product,
        memory_gib=memory,
        per_node=per_node,
        free_by_node=tuple(f for f in free if f),
        total_gpus=nodes * per_node,
        watts_per_gpu=watts,
        confidential=product == "NVIDIA-H100",
    )


def _chance(rng: Random, percent: int) -> bool:
    return rng.randrange(100) < percent


def _refusal(rng: Random) -> Refusal:
    until = rng.choice((None, NOW - timedelta(minutes=1), NOW + timedelta(hours=1)))
    return Refusal(rng.choice(("TenantNotInMandate", "Power")), until)
