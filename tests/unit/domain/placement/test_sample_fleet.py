"""The sample workloads on the sample fleet, all hardware ready: where they go is what the demo expects, by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from policloud.api.convert import facts_on_hub, unit_view, workload_view
from policloud.domain.placement.explain import waiting_reason
from policloud.domain.placement.model import Decision, Refusal, Snapshot, UnitView
from policloud.domain.placement.solve import GreedySolver
from policloud.testing.demo.expectations import ON_THE_HUB
from policloud.testing.placement_check import violations

SAMPLES = Path(__file__).parents[4] / "samples"
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
WIND, OTHERS = 11, 60  # grams a kWh


def documents(path: Path) -> list[dict[str, Any]]:
    return [d for d in yaml.safe_load_all(path.read_text()) if d]


def ready(unit: dict[str, Any], groups: list[dict[str, Any]]) -> dict[str, Any]:
    """Status of a unit with every node there, nothing running and its sources full."""
    pools, hosts = [], 0
    for pool in unit["spec"]["pools"]:
        mine = [g for g in groups if pool["nodeSelector"].items() <= g["labels"].items()]
        nodes = sum(g["count"] for g in mine)
        hosts += nodes * pool["power"]["hostMaxWatts"]
        free = [{"free": pool["gpu"]["perNode"], "nodes": nodes}]
        pools.append({"name": pool["name"], "gpus": nodes * pool["gpu"]["perNode"], "freeByNode": free})
    electrical = unit["spec"]["electrical"]
    limit = electrical["limitWatts"] * (100 - electrical["safetyMarginPercent"]) // 100
    base = hosts + electrical["otherMaxWatts"]
    energy = {"pricePerKWh": "0.09", "gramsPerKWh": WIND if "cloudgrid" in unit["metadata"]["name"] else OTHERS}
    return {
        "pools": pools,
        "power": {"limitWatts": limit, "baseWatts": base, "freeWatts": limit - base},
        "energy": energy,
    }


def fleet() -> list[UnitView]:
    views = []
    for folder in sorted((SAMPLES / "fleet").iterdir()):
        if not folder.is_dir():
            continue
        groups = documents(folder / "nodes.yaml")[0]["groups"]
        (membership,) = (d for d in documents(folder / "membership.yaml") if d["kind"] == "SiteMembership")
        for unit in (d for d in documents(folder / "site.yaml") if d["kind"] == "PolicloudUnit"):
            body = {**unit, "status": ready(unit, groups)}
            views.append(unit_view(body, site=folder.name, facts=facts_on_hub(body, membership)))
    return views


def refusals(work: dict[str, Any]) -> dict[str, Refusal]:
    """What owners' mandates say no to, as the sites would answer."""
    tenant, class_ = work["metadata"]["namespace"], work["spec"]["class"]
    data = work["spec"]["sovereignty"]["data"]["classification"]
    refused = {}
    for folder in (p for p in (SAMPLES / "fleet").iterdir() if p.is_dir()):
        site = documents(folder / "site.yaml")
        mandates, units = ([d for d in site if d["kind"] == kind] for kind in ("SiteMandate", "PolicloudUnit"))
        admitted = any(
            tenant in [t["tenant"] for t in m["spec"]["tenants"]]
            and class_ in m["spec"].get("classes", [class_])
            and data in m["spec"].get("dataClassifications", [data])
            for m in mandates
        )
        if not admitted:
            refused |= {u["metadata"]["name"]: Refusal("RefusedByMandate: tenant", None) for u in units}
    return refused


@pytest.fixture(scope="module")
def decided() -> tuple[Snapshot, Decision]:
    found = [d for path in sorted((SAMPLES / "workloads").glob("*.yaml")) for d in documents(path)]
    works = tuple(workload_view(d, now=NOW, refusals=refusals(d)) for d in found if d["kind"] == "SovereignWorkload")
    snapshot = Snapshot(NOW, tuple(fleet()), works)
    return snapshot, GreedySolver().solve(snapshot)


def test_nothing_is_over_capacity_or_unlawful(decided: tuple[Snapshot, Decision]) -> None:
    assert len(decided[0].units) == 9
    assert violations(*decided) == []


@pytest.mark.parametrize("name", ON_THE_HUB)
def test_where_it_goes(name: str, decided: tuple[Snapshot, Decision]) -> None:
    expected, made = ON_THE_HUB[name], decided[1].workloads[name]
    placed = {a.unit: a.replicas for a in made.assignments}
    assert placed.keys() <= expected.units
    if expected.reason:
        assert waiting_reason(made.verdicts).value == expected.reason
        return
    assert sum(placed.values()) >= expected.replicas
    assert expected.max_per_unit is None or max(placed.values()) <= expected.max_per_unit
