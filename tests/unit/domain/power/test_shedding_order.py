"""Who goes first, told by examples that do not ask the code for the order."""

from datetime import UTC, datetime, timedelta
from typing import Any

from policloud.domain.power.shedding import Load, plan

OLD = datetime(2026, 1, 1, tzinfo=UTC)
YOUNG = OLD + timedelta(days=1)


def _load(name: str, kind: str = "Inference", priority: int = 500, created: datetime = OLD, **counts: Any) -> Load[str]:
    chosen = {"replicas": 2, "min_replicas": 1} | counts
    return Load(name, kind, priority, created, gpus_per_replica=1, watts_per_replica=100, **chosen)


def _keep(room: int, *loads: Load[str]) -> dict[str, int]:
    return plan(loads, lambda running: sum(running.values()) * 100 <= room)


def test_the_lowest_priority_goes_first_and_shrinks_before_it_stops() -> None:
    loads = (_load("low", priority=100), _load("high", priority=900))
    assert _keep(400, *loads) == {"low": 2, "high": 2}
    assert _keep(300, *loads) == {"low": 1, "high": 2}
    assert _keep(200, *loads) == {"low": 0, "high": 2}
    assert _keep(100, *loads) == {"low": 0, "high": 1}
    assert _keep(0, *loads) == {"low": 0, "high": 0}


def test_of_equals_the_youngest_goes_first() -> None:
    assert _keep(200, _load("old"), _load("young", created=YOUNG)) == {"old": 2, "young": 0}


def test_a_service_below_its_minimum_is_worth_nothing_and_a_batch_stops_whole() -> None:
    assert _keep(300, _load("svc", replicas=4, min_replicas=3), _load("vip", priority=900)) == {"svc": 0, "vip": 2}
    assert _keep(300, _load("job", "Batch", 100), _load("svc")) == {"job": 0, "svc": 2}


def test_virtual_machines_go_last_whatever_their_priority() -> None:
    machine = _load("vm", "VirtualMachine", priority=0, replicas=1, min_replicas=1)
    assert _keep(100, machine, _load("svc", priority=1000)) == {"vm": 1, "svc": 0}


def test_what_was_cut_on_the_way_to_something_larger_comes_back_where_it_fits() -> None:
    small = _load("small", "Batch", 100, replicas=1)
    large = _load("large", "Batch", 200, replicas=5)
    assert _keep(500, small, large, _load("vital", priority=900, replicas=4)) == {"small": 1, "large": 0, "vital": 4}
