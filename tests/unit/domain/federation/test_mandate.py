"""What an owner's mandate lets in, and who has to leave when it changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from policloud.domain.federation.consent import Guest, narrowed
from policloud.domain.federation.mandate import (
    Barrier,
    Hours,
    Mandate,
    Request,
    SiteUse,
    Tenant,
    admit,
    image_allowed,
    open_at,
    opens_at,
)
from policloud.domain.federation.offers import Grant

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)  # a Tuesday; 10:00 in Paris
PARIS = ZoneInfo("Europe/Paris")
REQUEST = Request("hub", "town", "Inference", "Internal", ("registry.example.org/app:1",), 1, 350, 4)
EMPTY = SiteUse(100, {})


def mandate(**changes: object) -> Mandate:
    values: dict[str, object] = {"name": "m", "tenants": (Tenant("hub", "town"),), "notice": timedelta(seconds=900)}
    return Mandate(**{**values, **changes})  # type: ignore[arg-type]


def ask(*mandates: Mandate, request: Request = REQUEST, use: SiteUse = EMPTY) -> tuple[int, Barrier | None]:
    admission = admit(mandates, request, use, now=NOW, zone=PARIS)
    return admission.replicas, admission.barrier


def test_none_at_all_accepts_nothing() -> None:
    assert ask() == (0, Barrier.NO_MANDATE)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, (4, None)),
        ({"tenants": (Tenant("hub", "village"),)}, (0, Barrier.TENANT)),
        ({"tenants": (Tenant("another", "town"),)}, (0, Barrier.TENANT)),
        ({"classes": frozenset({"Batch"})}, (0, Barrier.CLASS)),
        ({"data_classifications": frozenset({"Public"})}, (0, Barrier.DATA)),
        ({"image_registries": ("other.example.org",)}, (0, Barrier.IMAGE)),
        ({"image_registries": ()}, (0, Barrier.IMAGE)),
        ({"hours": (Hours(frozenset({1}), 600, 660),)}, (4, None)),
        ({"hours": (Hours(frozenset({1}), 540, 600),)}, (0, Barrier.HOURS)),
        ({"max_gpus_percent": 3}, (3, Barrier.GPUS)),
        ({"max_watts": 349}, (0, Barrier.WATTS)),
        ({"tenants": (Tenant("hub", "town", max_gpus=2),)}, (2, Barrier.GPUS)),
        ({"tenants": (Tenant("hub", "town", max_watts=700),)}, (2, Barrier.WATTS)),
    ],
)
def test_one_rule_at_a_time(changes: dict[str, object], expected: tuple[int, Barrier | None]) -> None:
    assert ask(mandate(**changes)) == expected


def test_several_are_not_added_together() -> None:
    two = Tenant("hub", "town", max_gpus=2)
    three = Tenant("hub", "town", max_gpus=3)
    assert ask(mandate(name="a", tenants=(two,)), mandate(name="b", tenants=(three,))) == (3, Barrier.GPUS)


def test_what_the_tenant_holds_already_counts() -> None:
    use = SiteUse(100, {("hub", "town"): Grant(3, 3, 1050), ("hub", "village"): Grant(50, 50, 17500)})
    assert ask(mandate(tenants=(Tenant("hub", "town", max_gpus=5),)), use=use) == (2, Barrier.GPUS)


@pytest.mark.parametrize(("charges", "replicas"), [((), 4), ((20,), 4), ((19,), 0), ((90, 19), 0), ((None,), 0)])
def test_an_unknown_charge_is_no_charge(charges: tuple[int | None, ...], replicas: int) -> None:
    use = SiteUse(100, {}, charges)
    assert ask(mandate(min_battery_percent=20), use=use)[0] == replicas


def test_a_gang_is_let_in_whole_or_not() -> None:
    gang = Request("hub", "town", "Batch", "Public", (), 1, 350, 4, min_replicas=4)
    assert ask(mandate(max_gpus_percent=3), request=gang)[0] == 0


@pytest.mark.parametrize(
    ("image", "allowed"),
    [
        ("registry.example.org/app:1", True),
        ("registry.example.org/team/app@sha256:aa", True),
        ("registry.example.organic/app", False),
        ("app", False),
        ("library/app", False),
        ("localhost:5000/app", False),
    ],
)
def test_registries_match_by_whole_segments(image: str, *, allowed: bool) -> None:
    assert image_allowed(image, ["registry.example.org"]) is allowed


def test_docker_hub_is_what_names_without_a_host_mean() -> None:
    assert image_allowed("library/app", ["docker.io"])
    assert image_allowed("app", ["docker.io"])
    assert not image_allowed("evil/app", ["docker.io/library"])


def test_hours_are_those_of_the_unit() -> None:
    window = (Hours(frozenset({1}), 600, 660),)
    assert open_at(window, NOW, PARIS)
    assert not open_at(window, NOW, UTC)
    assert opens_at(window, NOW, UTC) == NOW + timedelta(hours=1)


def guest(id_: str, rank: int, *, tenant: str = "town", mandate_name: str = "m") -> Guest:
    request = Request("hub", tenant, "Inference", "Internal", (), 1, 350, 4)
    return Guest(id_, request, Grant(4, 4, 1400), mandate_name, (rank, 0.0))


def test_deleting_a_mandate_drains_nothing() -> None:
    assert narrowed([], [guest("a", 1)], total_gpus=100) == []


def test_a_tenant_taken_out_leaves_by_the_notice() -> None:
    [notice] = narrowed([mandate(tenants=())], [guest("a", 1)], total_gpus=100)
    assert (notice.id, notice.notice) == ("a", timedelta(seconds=900))


def test_another_mandate_may_keep_it() -> None:
    assert narrowed([mandate(tenants=()), mandate(name="n")], [guest("a", 1)], total_gpus=100) == []


def test_less_room_sends_the_least_important_away() -> None:
    guests = [guest("low", 1), guest("high", 9)]
    assert [n.id for n in narrowed([mandate(max_gpus_percent=5)], guests, total_gpus=100)] == ["low"]


def test_hours_and_battery_stop_new_work_only() -> None:
    closed = mandate(hours=(Hours(frozenset({6}), 0, 60),), min_battery_percent=99)
    assert narrowed([closed], [guest("a", 1)], total_gpus=100) == []
