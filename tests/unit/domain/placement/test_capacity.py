"""Free GPUs by node and watts: what fits, what is left."""

from __future__ import annotations

import pytest

from policloud.domain.placement.capacity import UNBOUNDED, Request, Room, UnitCapacity, room_empty
from policloud.domain.placement.model import PoolView, Reservation, UnitView
from policloud.domain.sovereignty.model import UnitFacts

SMALL = PoolView("small", "NVIDIA-L40S", 48, 8, (8, 8, 3), 24, 350)
LARGE = PoolView("large", "NVIDIA-H100", 80, 8, (8,), 8, 700, confidential=True)


@pytest.mark.parametrize(
    ("size", "watts", "room"),
    [
        (1, 100_000, Room(27, 27)),
        (2, 100_000, Room(13, 13)),
        (4, 100_000, Room(6, 6)),
        (8, 100_000, Room(3, 3)),
        (16, 100_000, Room(0, 0)),
        (1, 0, Room(27, 0)),
        (1, 349, Room(27, 0)),
        (1, 350, Room(27, 1)),
        (8, 2 * 8 * 350 + 8 * 700 - 1, Room(3, 2)),
        (0, 0, Room(UNBOUNDED, UNBOUNDED)),
    ],
)
def test_room(size: int, watts: int, room: Room) -> None:
    assert UnitCapacity((LARGE, SMALL), watts).room(Request(size)) == room


@pytest.mark.parametrize(
    ("request_", "replicas"),
    [
        (Request(1, frozenset({"NVIDIA-H100"})), 8),
        (Request(1, memory_gib=49), 8),
        (Request(1, confidential=True), 8),
        (Request(1, frozenset({"NVIDIA-L40S"}), memory_gib=80), 0),
    ],
)
def test_only_the_right_kind_counts(request_: Request, replicas: int) -> None:
    assert UnitCapacity((LARGE, SMALL), 100_000).room(request_).replicas == replicas


def test_pools_that_draw_less_are_filled_first() -> None:
    capacity = UnitCapacity((LARGE, SMALL), 100_000)
    taken = capacity.take(Request(8), 3)
    assert [(p.name, gpus) for p, gpus in taken.gpus_by_pool] == [("small", 16), ("large", 8)]
    assert taken.watts == 16 * 350 + 8 * 700
    assert capacity.free_watts == 100_000 - taken.watts
    assert capacity.free_by_node() == {"small": (3,), "large": ()}


def test_small_replicas_leave_whole_nodes_free() -> None:
    capacity = UnitCapacity((SMALL,), 100_000)
    capacity.take(Request(1), 3)
    assert capacity.room(Request(8)).replicas == 2


def test_more_than_fits_is_refused() -> None:
    capacity = UnitCapacity((SMALL,), 1000)
    with pytest.raises(ValueError, match="3 replicas of 1 GPUs do not fit"):
        capacity.take(Request(1), 3)


def test_a_reservation_takes_what_there_is_and_never_less_than_its_gpus() -> None:
    capacity = UnitCapacity((SMALL,), 10_000)
    capacity.reserve(Reservation((), 8, 3, 9000))  # the third has no whole node left: three odd GPUs go
    assert capacity.free_by_node() == {"small": ()}
    assert capacity.free_watts == 1000
    capacity.reserve(Reservation(("NVIDIA-H100",), 1, 1, 5000))
    assert capacity.free_watts == 0


def test_an_empty_unit_counts_broken_nodes_too() -> None:
    facts = UnitFacts()
    unit = UnitView("s", "u", facts, (PoolView("p", "X", 48, 8, (), 20, 500),), free_watts=0, total_watts=6000)
    assert room_empty(unit, Request(8)) == Room(2, 1)
    assert room_empty(unit, Request(4)) == Room(5, 3)
