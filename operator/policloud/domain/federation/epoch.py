"""Who was restored from a backup: what hub and site conclude from the numbers they echo to each other.

The hub numbers its terms (`epoch`) and, per site, what it asks (`sequence`); the site numbers what it answers
(`counter`). Each stores a number before it sends it. So a party that meets a number of its own greater than any it
has stored cannot have crashed only: it was restored. Here that is detected and said; settling it (raising the
epoch, reading the held work back, entry by entry) builds on `HubStanding` and `SiteStanding`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

COUNTER_ANNOTATION: Final = "policloud.io/counter"
EPOCH_ANNOTATION: Final = "policloud.io/epoch"
SEQUENCE_ANNOTATION: Final = "policloud.io/sequence"

_MAX_DIGITS: Final = 18  # below 2**63


@dataclass(frozen=True, slots=True, order=True)
class Echo:
    """The highest numbers one side has seen: what a site writes into its Lease. Zero: none yet."""

    epoch: int = 0
    sequence: int = 0
    counter: int = 0

    def annotations(self) -> dict[str, str]:
        return {
            COUNTER_ANNOTATION: str(self.counter),
            EPOCH_ANNOTATION: str(self.epoch),
            SEQUENCE_ANNOTATION: str(self.sequence),
        }


def echo_of(annotations: Mapping[str, object] | None) -> Echo:
    """The echo in a Lease's annotations. What is missing or no plain number counts as zero: nothing was echoed."""
    given = annotations or {}
    return Echo(
        epoch=_number(given.get(EPOCH_ANNOTATION)),
        sequence=_number(given.get(SEQUENCE_ANNOTATION)),
        counter=_number(given.get(COUNTER_ANNOTATION)),
    )


class HubStanding(StrEnum):
    """What one site's echo says of the hub."""

    CONSISTENT = "EchoConsistent"
    RESTORED = "HubRestored"  # the site has seen a later hub: this one only reads


def judge_hub(echo: Echo, *, own_epoch: int, own_sequence: int) -> HubStanding:
    """`own_*`: the hub's epoch and the highest sequence it ever gave that site.

    Precondition: the offers were read after the Lease (else an offer just made looks like one from the future), and
    the offer with a site's highest sequence is never deleted (else a clean-up looks like a restore).
    """
    ahead = echo.epoch > own_epoch or (echo.epoch == own_epoch and echo.sequence > own_sequence)
    return HubStanding.RESTORED if ahead else HubStanding.CONSISTENT


def next_epoch(own_epoch: int, echoes: Iterable[Echo]) -> int:
    """The term of a restored hub: above its own and above everything that was echoed."""
    return max([own_epoch, *(echo.epoch for echo in echoes)]) + 1


class SiteStanding(StrEnum):
    """What a site concludes from its own Lease when it connects."""

    MINE = "LeaseHeld"  # ours already, or free: renew
    WAIT = "AwaitingPredecessor"  # held by another process, which may be our own, killed: watch whether it renews
    DUPLICATE = "DuplicateIdentity"  # … and it does: somebody else runs with our key
    RESTORED = "SiteRestored"  # the hub knows a later counter than we do


@dataclass(frozen=True, slots=True)
class LeaseView:
    """A site's Lease as the site has watched it, on its own monotonic clock."""

    holder: str
    echo: Echo
    unchanged_for: float  # seconds since it last changed, or since it was first read
    renewed_by_other: bool  # a change by a holder that is not us was seen while we watched


def judge_site(view: LeaseView, *, instance: str, own_counter: int, patience: float) -> SiteStanding:
    """`patience`: seconds after which a holder that does not renew is taken for dead."""
    if view.echo.counter > own_counter:
        return SiteStanding.RESTORED
    if view.holder in ("", instance) or view.unchanged_for >= patience:
        return SiteStanding.MINE
    return SiteStanding.DUPLICATE if view.renewed_by_other else SiteStanding.WAIT


def _number(value: object) -> int:
    if not isinstance(value, str) or not value.isascii() or not value.isdigit() or len(value) > _MAX_DIGITS:
        return 0
    return int(value)
