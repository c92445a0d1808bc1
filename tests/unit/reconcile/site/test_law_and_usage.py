"""When work must leave, to the second, and what it has used."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from policloud.reconcile.site.draft import Draft, entry
from policloud.reconcile.site.holdings import Capacity, UnitState
from policloud.reconcile.site.law import Law
from policloud.reconcile.site.observed import Observed
from policloud.reconcile.site.specs import unit_spec, workload_spec
from policloud.reconcile.site.usage import Rate, Tally
from sitelab import unit, workload

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
KEY = ("t", "w")


def _draft(now: datetime, until: str, *, state: str = "Running", since: str = "", offer: bool = False) -> Draft:
    home = unit_spec(unit("u", "FR-01", certifications=[{"scheme": "HDS", "validUntil": until}]))
    law = {"certifications": [{"anyOf": ["HDS"]}], "drainNoticeSeconds": 60}
    body = workload("t", "w", "FR-01", sovereignty=law)
    body["metadata"] |= {"uid": "uid-w"}
    if offer:
        body["metadata"]["annotations"] = {"policloud.io/offer": '{"offer":"o","unit":"u","sequence":1,"hub":"h"}'}
    body["status"] = {"placements": [{"site": "local", "unit": "u", "replicas": 2, "state": state, "since": since}]}
    unit_state = UnitState(home, (), (), 0, 0, 0, None, 0)
    return Draft(now, Capacity({"u": unit_state}), {KEY: entry(workload_spec(body), Observed())})


def _apply(draft: Draft) -> Any:
    Law(300).apply(draft)
    return draft.entries[KEY]


def test_lawful_work_is_left_alone() -> None:
    found = _apply(_draft(NOW, "2027-01-01"))
    assert not found.changed
    assert found.why is None


def test_unlawful_work_drains_for_its_notice_then_loses_its_place() -> None:
    first = _draft(NOW, "2026-11-23")
    begun = _apply(first)
    assert begun.placed["u"].state == "Draining"
    assert begun.placed["u"].replicas == 2
    assert "CertificationMissing" in begun.why.message or "CertificationExpires" in begun.why.message
    assert first.wake == pytest.approx(60)
    still = _apply(_draft(NOW + timedelta(seconds=59), "2026-11-23", state="Draining", since="2026-11-24T12:00:00Z"))
    assert still.placed["u"].replicas == 2
    over = _apply(_draft(NOW + timedelta(seconds=60), "2026-11-23", state="Draining", since="2026-11-24T12:00:00Z"))
    assert over.placed == {}


def test_federated_work_keeps_its_place_in_name_for_its_hub_to_be_told() -> None:
    late = NOW + timedelta(seconds=60)
    over = _apply(_draft(late, "2026-11-23", state="Draining", since="2026-11-24T12:00:00Z", offer=True))
    assert (over.placed["u"].replicas, over.placed["u"].state) == (0, "Draining")


def test_a_certificate_that_ends_today_has_work_stopped_by_midnight() -> None:
    midnight = datetime(2026, 11, 25, tzinfo=UTC)
    assert not _apply(_draft(midnight - timedelta(seconds=90), "2026-11-24")).changed
    draining = _apply(_draft(midnight - timedelta(seconds=60), "2026-11-24"))
    assert draining.placed["u"].state == "Draining"
    since = "2026-11-24T23:59:00Z"
    assert _apply(_draft(midnight, "2026-11-24", state="Draining", since=since)).placed == {}


def test_a_law_that_holds_again_ends_the_draining() -> None:
    back = _apply(_draft(NOW, "2027-01-01", state="Draining", since="2026-11-24T11:59:50Z"))
    assert (back.placed["u"].state, back.placed["u"].replicas) == ("Pending", 2)


def test_usage_is_rated_draw_times_time_and_goes_on_from_what_was_written() -> None:
    tally = Tally.from_status({"energyWattHours": 100, "gpuSeconds": 50, "cost": "1.5", "currency": "EUR"})
    tally.advance(NOW, Rate(2, 700, Decimal(50), Decimal("0.10"), "EUR"))
    tally.advance(NOW + timedelta(hours=1), Rate())
    tally.advance(NOW + timedelta(hours=5), Rate())
    assert tally.status() == {
        "energyWattHours": 800,
        "gpuSeconds": 50 + 7200,
        "gramsCO2eLocation": 35,
        "gramsCO2eMarket": 35,
        "cost": "1.57",
        "currency": "EUR",
    }


def test_costs_in_another_currency_are_not_added_up() -> None:
    tally = Tally.from_status({"gpuSeconds": 1, "cost": "1", "currency": "EUR"})
    tally.advance(NOW, Rate(1, 1000, None, Decimal(1), "USD"))
    tally.advance(NOW + timedelta(hours=1), Rate())
    assert tally.status()["cost"] == "1"
    assert Tally.from_status(None).status() == {}
