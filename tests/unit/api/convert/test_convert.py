"""Bodies as users write them, to what law and placement decide on."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import yaml

from policloud.api.convert import (
    attested_facts,
    demand_of,
    facts_on_hub,
    facts_on_site,
    rules_of,
    unit_view,
    workload_view,
)
from policloud.domain.placement.canonical import digest
from policloud.domain.placement.model import DataSource, Refusal, Reservation, Snapshot
from policloud.domain.reasons import Reason
from policloud.domain.sovereignty.model import Certification, CertificationRule, Owner, OwnershipPeriod, UnitFacts

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)

UNIT: dict[str, Any] = yaml.safe_load("""
metadata: {name: rougeline-1, namespace: policloud-system}
spec:
  location: {country: FR, subdivision: FR-47, region: eu-west}
  operator: {name: Policloud, jurisdiction: FR}
  ownership:
    - from: "2026-01-01"
      owners: [{name: Paysans de Rougeline, jurisdiction: FR, sharePercent: "100"}]
  certifications: [{scheme: ISO27001, validUntil: "2028-06-30"}]
  exposures: []
  electrical: {limitWatts: 320000}
  pools:
    - name: l40s
      gpu: {product: NVIDIA-L40S, memoryGiB: 48, perNode: 8}
      power: {maxWatts: 350}
  storage:
    - {class: encrypted-nvme, capacityGiB: 500, encryptedAtRest: true}
    - {class: scratch, capacityGiB: 300, encryptedAtRest: false}
  networkPolicy: Enforced
status:
  pools: [{name: l40s, gpus: 32, freeByNode: [{free: 8, nodes: 2}, {free: 3, nodes: 1}, {free: 0, nodes: 1}]}]
  power: {limitWatts: 304000, baseWatts: 60000, freeWatts: 7000}
  energy: {gramsPerKWh: 48, pricePerKWh: "0.11", currency: EUR}
""")
ATTESTED: dict[str, Any] = yaml.safe_load("""
unit: rougeline-1
location: {country: FR, subdivision: FR-47}
operator: {name: Policloud, jurisdiction: FR}
ownership: [{from: "2026-01-01", owners: [{name: Paysans de Rougeline, jurisdiction: FR, sharePercent: "100"}]}]
certifications: [{scheme: ISO27001, validUntil: "2027-06-30"}]
exposures: [US-CLOUD-Act]
""")
HEALTH: dict[str, Any] = yaml.safe_load("""
metadata: {name: triage, namespace: sante-47, uid: 0b9e4f0e, creationTimestamp: "2026-11-20T08:00:00Z"}
spec:
  class: Inference
  priority: 800
  inference: {replicas: 6, minReplicas: 2}
  gpu: {perReplica: 1, products: [NVIDIA-L40S], memoryGiB: 48, confidential: Preferred}
  sovereignty:
    location: {allow: [FR]}
    operator: {allow: [EU], deny: [HU]}
    ownership: {allow: [EU], maxForeignShareEachPercent: "24", maxForeignShareTotalPercent: "39"}
    exposures: {deny: [US-CLOUD-Act, US-FISA-702]}
    certifications: [{anyOf: [HDS, SecNumCloud]}]
    data:
      classification: Health
      residency: [FR]
      encryptedAtRest: true
      sources: [{name: archive, unit: cannes-1, sizeGiB: 4000}]
    egress: {policy: Deny}
  storage:
    - {name: records, sizeGiB: 200}
    - {name: cache, sizeGiB: 50, class: scratch, encryptedAtRest: false, residency: [FR, BE]}
  placement:
    spread: {over: Unit, maxPerDomain: 3}
    latency: {regions: [eu-west], maxMilliseconds: 40}
    weights: {cost: 50}
  budget: {maxPricePerGPUHour: "2.40", maxPricePerHour: "12.00", currency: EUR, maxGramsPerKWh: 120}
""")
FACTS = UnitFacts(
    country="FR",
    subdivision="FR-47",
    operator_jurisdiction="FR",
    ownership=(OwnershipPeriod(date(2026, 1, 1), (Owner("Paysans de Rougeline", "FR", Decimal(100)),)),),
    certifications=(Certification("ISO27001", date(2028, 6, 30)),),
    exposures=frozenset(),
    encrypted_at_rest=True,
    network_policy_enforced=True,
)


def test_the_facts_a_site_knows_of_its_own_unit() -> None:
    assert facts_on_site(UNIT) == FACTS


def test_what_is_not_stated_is_unknown() -> None:
    assert facts_on_site({"spec": {}}) == UnitFacts()
    assert attested_facts({"unit": "x"}) == UnitFacts()


@pytest.mark.parametrize(
    ("stated", "expected"),
    [([], None), ([True], True), ([False], False), ([None], None), ([False, None], None), ([None, True], True)],
)
def test_encryption_is_known_only_if_stated(stated: list[bool | None], expected: bool | None) -> None:  # noqa: FBT001
    storage = [{"class": "a", "capacityGiB": 1} | ({} if s is None else {"encryptedAtRest": s}) for s in stated]
    assert facts_on_site({"spec": {"storage": storage}}).encrypted_at_rest is expected


def test_the_hub_trusts_what_is_attested_narrowed_by_what_is_published() -> None:
    membership = {"spec": {"attested": [{"unit": "other"}, ATTESTED]}}
    facts = facts_on_hub(UNIT, membership)
    assert facts.certifications == (Certification("ISO27001", date(2027, 6, 30)),)
    assert facts.exposures == {"US-CLOUD-Act"}
    assert facts.encrypted_at_rest is True
    assert facts_on_hub(UNIT, {"spec": {}}) == UnitFacts()
    assert facts_on_hub(UNIT, None) == UnitFacts()


def test_a_unit() -> None:
    view = unit_view(UNIT, site="rougeline", facts=FACTS)
    (pool,) = view.pools
    assert (pool.free_by_node, pool.total_gpus, pool.watts_per_gpu, pool.confidential) == ((8, 8, 3), 32, 350, False)
    assert (view.site, view.unit, view.region, view.free_watts, view.total_watts) == (
        "rougeline", "rougeline-1", "eu-west", 7000, 244_000,
    )  # fmt: skip
    assert (view.price_per_kwh, view.currency, view.grams_per_kwh) == (Decimal("0.11"), "EUR", 48)
    assert (view.storage_classes_gib, view.encrypted_gib) == ({"encrypted-nvme": 500, "scratch": 300}, 500)


def test_what_a_unit_could_give_empty_is_known_from_what_it_publishes() -> None:
    pools = [{"name": "l40s", "gpus": 32, "gpusUsed": 10}]
    published = {"pools": pools, "power": {"limitWatts": 304_000, "usedWatts": 63_500, "freeWatts": 0}}
    assert unit_view({**UNIT, "status": published}, site="s", facts=FACTS).total_watts == 304_000 - 60_000
    silent = {"metadata": {}, "spec": {**UNIT["spec"], "electrical": None}, "status": {"pools": pools}}
    assert unit_view(silent, site="s", facts=FACTS).total_watts == 32 * 350


def test_a_unit_without_status_has_nothing_free() -> None:
    view = unit_view({**UNIT, "status": {}}, site="s", facts=FACTS, closed=Reason.UNIT_NOT_READY, closed_detail="new")
    assert (view.free_watts, view.pools[0].free_by_node, view.closed, view.closed_detail) == (
        0, (), Reason.UNIT_NOT_READY, "new",
    )  # fmt: skip


def test_reservations_are_deducted() -> None:
    taken = [Reservation(("NVIDIA-L40S",), 2, 3, 2100), Reservation((), 1, 0, 400)]
    view = unit_view(UNIT, site="s", facts=FACTS, reserved=taken)
    assert view.pools[0].free_by_node == (8, 4, 1)
    assert view.free_watts == 4500


def test_the_law() -> None:
    rules = rules_of(HEALTH["spec"])
    assert (rules.location_allow, rules.operator_allow, rules.operator_deny) == ({"FR"}, {"EU"}, {"HU"})
    assert (rules.max_foreign_share_each_percent, rules.max_foreign_share_total_percent) == (Decimal(24), Decimal(39))
    assert rules.certifications == (CertificationRule(frozenset({"HDS", "SecNumCloud"})),)
    assert (rules.residency, rules.volume_residency) == ({"FR"}, (frozenset({"FR", "BE"}),))
    assert rules.encrypted_at_rest
    assert rules.egress_denied


def test_a_workload() -> None:
    no = {"dijon-1": Refusal("Power", None)}
    view = workload_view(HEALTH, now=NOW, running={"cannes-1": 2}, refusals=no, avoid_units=["x-1"])
    assert (view.uid, view.priority, view.created) == ("0b9e4f0e", 800, datetime(2026, 11, 20, 8, 0, tzinfo=UTC))
    assert (view.replicas, view.min_replicas, view.gpus_per_replica, view.splittable, view.gang) == (
        6,
        2,
        1,
        True,
        False,
    )
    assert (view.products, view.memory_gib, view.confidential_required) == ({"NVIDIA-L40S"}, 48, False)
    assert (view.running, view.refusals, view.avoid_units) == ({"cannes-1": 2}, no, {"x-1"})
    assert (view.spread_over, view.spread_max_per_domain) == ("Unit", 3)
    assert (view.latency_regions, view.latency_max_ms) == ({"eu-west"}, 40)
    assert view.weights == {"cost": 50, "carbon": 40, "latency": 20}
    assert view.data == (DataSource("cannes-1", 4000),)
    assert (view.storage_gib, view.encrypted_storage_gib, view.storage_by_class_gib) == (250, 200, {"scratch": 50})
    assert (view.max_price_per_gpu_hour, view.max_grams_per_kwh) == (Decimal(2), 120)  # 12.00 for six GPUs is lower
    assert (view.runs_until, view.deadline) == (None, None)
    assert digest(Snapshot(NOW, (unit_view(UNIT, site="s", facts=FACTS),), (view,))).startswith("sha256:")


class TestDemand:
    def batch(self, **job: object) -> dict[str, Any]:
        return {"class": "Batch", "batch": job, "gpu": {"perReplica": 4}}

    def test_a_batch_runs_its_parallelism_on_one_unit(self) -> None:
        demand = demand_of(self.batch(parallelism=16, completions=32))
        assert (demand.replicas, demand.min_replicas, demand.splittable, demand.gang, demand.gpus) == (
            16,
            1,
            False,
            False,
            64,
        )

    def test_a_gang_needs_all(self) -> None:
        assert demand_of(self.batch(parallelism=16, completions=32, gang=True)).min_replicas == 16

    def test_never_more_than_is_left(self) -> None:
        assert demand_of(self.batch(parallelism=16, completions=32), done=30).replicas == 2
        assert demand_of(self.batch(parallelism=16, completions=32), done=40).replicas == 0

    def test_defaults_are_one(self) -> None:
        assert demand_of({"class": "Inference", "inference": {}, "gpu": {"perReplica": 1}}).min_replicas == 1
        assert demand_of({"class": "Inference", "inference": {"replicas": 0}, "gpu": {}}).min_replicas == 0
        machine = demand_of({"class": "VirtualMachine", "gpu": {"perReplica": 0}})
        assert (machine.replicas, machine.gang, machine.splittable) == (1, True, False)

    def test_the_end_of_a_batch(self) -> None:
        spec = self.batch(parallelism=5, completions=5, estimatedGPUHours="480")
        assert workload_view({"spec": spec}, now=NOW).runs_until == NOW + timedelta(hours=24)
        spec["batch"]["deadline"] = "2026-12-04T18:00:00+01:00"
        assert workload_view({"spec": spec}, now=NOW).runs_until == datetime(2026, 12, 4, 17, tzinfo=UTC)
        endless = self.batch(parallelism=1, estimatedGPUHours="999999999999")
        assert workload_view({"spec": endless}, now=NOW).runs_until == NOW + timedelta(days=3650)


def test_equal_amounts_have_equal_digests() -> None:
    one, other = (
        unit_view({**UNIT, "status": {"energy": {"pricePerKWh": price}}}, site="s", facts=FACTS)
        for price in ("0.10", "0.1")
    )
    assert digest(Snapshot(NOW, (one,), ())) == digest(Snapshot(NOW, (other,), ()))


def test_a_limit_on_what_nobody_measures_is_not_forgotten() -> None:
    spec = {"class": "Inference", "gpu": {}, "budget": {"maxGramsPerThousandTokens": "1.0"}}
    assert workload_view({"spec": spec}, now=NOW).unmeasured_limits == ("maxGramsPerThousandTokens",)
