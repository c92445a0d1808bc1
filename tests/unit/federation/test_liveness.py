"""Who is reachable, on the hub's monotonic clock alone."""

import pytest

from policloud.domain.federation.liveness import Heard, LivenessSettings, Reach, assess, next_change

SETTINGS = LivenessSettings()


def fleet(count: int, last: float) -> dict[str, Heard]:
    return {f"s{i}": Heard(last=last) for i in range(count)}


def test_reachable_until_sixty_seconds_of_silence() -> None:
    for now, reach in ((159.9, Reach.REACHABLE), (160.0, Reach.UNREACHABLE)):
        assert assess({"a": Heard(last=100.0)}, since=0.0, now=now, settings=SETTINGS).reach["a"] is reach


def test_work_may_move_only_after_a_fresh_read_has_confirmed_five_minutes_of_silence() -> None:
    heard = Heard(last=100.0)
    assert not assess({"a": heard}, since=0.0, now=1000.0, settings=SETTINGS).moves_allowed
    for confirmed, allowed in ((399.0, False), (400.0, True)):
        site = {"a": Heard(last=100.0, confirmed=confirmed)}
        assert bool(assess(site, since=0.0, now=1000.0, settings=SETTINGS).moves_allowed) is allowed


def test_a_blind_gap_of_the_hub_is_held_against_nobody() -> None:
    site = {"a": Heard(last=100.0, confirmed=500.0)}
    judged = assess(site, since=480.0, now=500.0, settings=SETTINGS)
    assert judged.reach["a"] is Reach.REACHABLE
    assert not judged.moves_allowed


@pytest.mark.parametrize(("sites", "lost", "suspects"), [(8, 2, False), (8, 3, True), (40, 8, False), (40, 9, True)])
def test_mass_loss_is_more_than_two_and_more_than_a_fifth(sites: int, lost: int, *, suspects: bool) -> None:
    heard = fleet(sites, 1000.0) | {f"s{i}": Heard(last=100.0 + i, confirmed=999.0) for i in range(lost)}
    judged = assess(heard, since=0.0, now=1000.0, settings=SETTINGS)
    assert judged.suspects_itself is suspects
    assert bool(judged.moves_allowed) is not suspects


def test_the_suspicion_outlasts_the_window_and_ends_when_enough_are_back() -> None:
    heard = fleet(5, 9000.0) | {f"s{i}": Heard(last=100.0, confirmed=8999.0) for i in range(3)}
    assert assess(heard, since=0.0, now=9000.0, settings=SETTINGS).suspects_itself
    heard["s0"] = Heard(last=8990.0)
    judged = assess(heard, since=0.0, now=9000.0, settings=SETTINGS)
    assert not judged.suspects_itself
    assert judged.moves_allowed == {"s1", "s2"}


def test_losses_far_apart_are_no_mass_loss() -> None:
    heard = fleet(5, 9000.0) | {f"s{i}": Heard(last=100.0 + 200 * i, confirmed=8999.0) for i in range(3)}
    assert not assess(heard, since=0.0, now=9000.0, settings=SETTINGS).suspects_itself


def test_who_was_lost_before_the_start_or_never_there_is_no_new_loss() -> None:
    heard = {f"s{i}": Heard(lost_before=i % 2 == 0) for i in range(6)}
    assert not assess(heard, since=0.0, now=100.0, settings=SETTINGS).suspects_itself
    heard = {f"s{i}": Heard(seen_before=True) for i in range(6)}
    assert assess(heard, since=0.0, now=100.0, settings=SETTINGS).suspects_itself


def test_at_start_the_hub_waits_for_the_sites_it_knew_but_not_for_ever() -> None:
    heard = {"a": Heard(seen_before=True), "b": Heard(seen_before=True, last=5.0), "c": Heard()}
    assert assess(heard, since=0.0, now=59.0, settings=SETTINGS).holding
    assert not assess(heard, since=0.0, now=60.0, settings=SETTINGS).holding
    heard["a"] = Heard(seen_before=True, last=10.0)
    assert not assess(heard, since=0.0, now=11.0, settings=SETTINGS).holding
    assert not assess({}, since=0.0, now=0.0, settings=SETTINGS).holding


def test_a_site_of_unknown_state_is_neither_reachable_nor_lost() -> None:
    judged = assess({"a": Heard()}, since=0.0, now=10.0, settings=SETTINGS)
    assert judged.reach["a"] is Reach.UNKNOWN
    assert not judged.reachable("a")


def test_next_change_is_when_time_alone_changes_something() -> None:
    assert next_change({"a": Heard(last=100.0)}, since=0.0, now=110.0, settings=SETTINGS) == 50.0
    assert next_change({"a": Heard(last=100.0)}, since=0.0, now=170.0, settings=SETTINGS) == 230.0


def test_all_times_scale_and_counts_do_not() -> None:
    tenth = SETTINGS.scaled(0.1)
    assert (tenth.renew, tenth.unreachable, tenth.free_moves, tenth.loss_window) == (1.5, 6.0, 30.0, 12.0)
    assert (tenth.loss_floor, tenth.loss_percent) == (2, 20)
    with pytest.raises(ValueError, match="must be positive"):
        SETTINGS.scaled(0)
