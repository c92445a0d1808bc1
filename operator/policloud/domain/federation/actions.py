"""What the hub may do to one workload's offers, as values in the order in which they are to be done."""

from __future__ import annotations

from dataclasses import dataclass

from policloud.domain.federation.content import Planned
from policloud.domain.federation.offers import Demand, Offer, ReleaseMode


@dataclass(frozen=True, slots=True)
class WritePlan:
    """The names of all offers into the workload, with the finalizer, under its resourceVersion: one write."""

    entries: tuple[Planned, ...]


@dataclass(frozen=True, slots=True)
class CreateOffer:
    """Exactly a planned one; `withdrawn`: only so that nobody else can create it later."""

    planned: Planned
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class Resequence:
    """Ask anew under the same offer. `taking`: a counter-offer is taken, not to be asked for more for a while."""

    offer: Offer
    demand: Demand
    taking: bool = False


@dataclass(frozen=True, slots=True)
class Withdraw:
    """End the unanswered sequence, and with it an offer under which nothing runs."""

    offer: Offer
    why: str


@dataclass(frozen=True, slots=True)
class RequestRelease:
    """End what runs, in whole, and whatever is unanswered with it."""

    offer: Offer
    mode: ReleaseMode
    why: str


@dataclass(frozen=True, slots=True)
class Blank:
    """Trust in the site was taken away: the tenant's content leaves its namespace."""

    offer: Offer


@dataclass(frozen=True, slots=True)
class Delete:
    offer: Offer


@dataclass(frozen=True, slots=True)
class DropFinalizer:
    """Every offer has its end requested; the workload may go, the offers outlive it."""


Action = WritePlan | CreateOffer | Resequence | Withdraw | RequestRelease | Blank | Delete | DropFinalizer
