"""Who was restored from a backup, and who runs twice."""

import pytest

from policloud.domain.federation.epoch import (
    Echo,
    HubStanding,
    LeaseView,
    SiteStanding,
    echo_of,
    judge_hub,
    judge_site,
    next_epoch,
)


@pytest.mark.parametrize(
    ("echo", "standing"),
    [
        (Echo(3, 40), HubStanding.CONSISTENT),
        (Echo(3, 12), HubStanding.CONSISTENT),
        (Echo(2, 99), HubStanding.CONSISTENT),  # of an earlier term, before the hub was settled
        (Echo(3, 41), HubStanding.RESTORED),
        (Echo(4, 1), HubStanding.RESTORED),
        (Echo(), HubStanding.CONSISTENT),
    ],
)
def test_an_echo_ahead_of_the_hub_means_that_the_hub_was_restored(echo: Echo, standing: HubStanding) -> None:
    assert judge_hub(echo, own_epoch=3, own_sequence=40) is standing


def test_a_restored_hub_begins_a_term_above_all_that_was_echoed() -> None:
    assert next_epoch(3, [Echo(7), Echo(2)]) == 8
    assert next_epoch(9, []) == 10


def test_what_is_no_plain_number_was_not_echoed() -> None:
    for text in ("-1", "1e3", "٣", " 7", "9" * 40, "", None, 7):
        assert echo_of({"policloud.io/counter": text}).counter == 0
    assert echo_of(Echo(1, 2, 3).annotations()) == Echo(1, 2, 3)
    assert echo_of(None) == Echo()


def view(**changed: object) -> LeaseView:
    given = {"holder": "other", "echo": Echo(1, 5, 9), "unchanged_for": 0.0, "renewed_by_other": False, **changed}
    return LeaseView(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("seen", "standing"),
    [
        (view(holder=""), SiteStanding.MINE),
        (view(holder="me"), SiteStanding.MINE),
        (view(), SiteStanding.WAIT),
        (view(unchanged_for=22.5), SiteStanding.MINE),
        (view(renewed_by_other=True), SiteStanding.DUPLICATE),
        (view(renewed_by_other=True, unchanged_for=22.5), SiteStanding.MINE),
        (view(holder="me", echo=Echo(1, 5, 10)), SiteStanding.RESTORED),
        (view(echo=Echo(1, 5, 10)), SiteStanding.RESTORED),
    ],
)
def test_what_a_site_concludes_from_its_lease(seen: LeaseView, standing: SiteStanding) -> None:
    assert judge_site(seen, instance="me", own_counter=9, patience=22.5) is standing
