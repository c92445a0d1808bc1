"""`status.held` is a map by hub and workload: two entries of one key, and an API server refuses all of status."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from policloud.domain.federation.held import Held, HeldState, Identity
from policloud.domain.federation.offers import Grant, WorkloadRef
from policloud.reconcile.site.federation import held_entries

ONE, TWO = Grant(1, 1, 350), Grant(2, 2, 700)


@dataclass
class _Journal:
    """Of which only the reading is needed."""

    records: list[Held]

    def all(self) -> list[Held]:
        return self.records


def _held(
    offer: str, uid: str, grant: Grant, sequence: int, *, epoch: int = 1, state: HeldState = HeldState.ACCEPTED
) -> Held:
    workload = WorkloadRef("observatory", "sky", uid)
    return Held(Identity("hub", "site-a", offer, f"of-{uid}", workload, "a-1"), state, epoch, sequence, grant=grant)


def _told(*records: Held) -> list[tuple[str, int]]:
    return [(e["uid"], e["replicas"]) for e in held_entries(_Journal([*records]), "a-1")]  # type: ignore[arg-type]


LEAVES = _held("sky-f", "old", TWO, 4)
STAYS = _held("sky-0", "new", ONE, 9)


@pytest.mark.parametrize("records", [(LEAVES, STAYS), (STAYS, LEAVES)])
def test_of_a_workload_made_anew_under_its_name_the_younger_is_told(records: tuple[Held, ...]) -> None:
    assert _told(*records) == [("new", 1)]


def test_a_later_epoch_is_younger_than_any_sequence_before_it() -> None:
    assert _told(_held("sky-1", "restored", ONE, 2, epoch=2), STAYS) == [("restored", 1)]


def test_what_is_released_is_not_held() -> None:
    assert _told(_held("sky-1", "gone", TWO, 12, state=HeldState.RELEASED), STAYS) == [("new", 1)]
