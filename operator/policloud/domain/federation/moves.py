"""May work be moved away from where it runs? Mobility and reachability decide; `exclusive` has its own place."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from policloud.domain.federation.liveness import Assessment, Reach
from policloud.domain.federation.offers import Mobility, Offer, OfferState


class Move(StrEnum):
    """What the hub may do with the replicas of one offer."""

    KEEP = "Keep"
    REPLACE = "Replace"  # write the release on the old offer, then place elsewhere without waiting
    RELEASE = "Release"  # ask for a release; place elsewhere once it is confirmed


@dataclass(frozen=True, slots=True)
class SiteView:
    """One site as the protocol needs to know it."""

    reach: Reach = Reach.UNKNOWN
    may_move: bool = False  # silent for long enough, and the hub does not suspect itself
    fenced: bool = False  # its Lease is marked: nothing exclusive runs there (a later release marks it)

    @property
    def reachable(self) -> bool:
        return self.reach is Reach.REACHABLE


def site_view(assessment: Assessment, site: str) -> SiteView:
    return SiteView(assessment.reach.get(site, Reach.UNKNOWN), site in assessment.moves_allowed)


def on_loss(offer: Offer, site: SiteView) -> Move:
    """What follows from the site's silence alone. Pinned and Preferred work is never moved by silence.

    Exclusive work is replaced only where its site is fenced: until then a second copy could run.
    """
    if offer.mobility is not Mobility.FREE or not site.may_move:
        return Move.KEEP
    if offer.exclusive and not site.fenced:
        return Move.KEEP
    return Move.REPLACE


def on_suspension(offer: Offer, site: SiteView, *, fits_elsewhere: bool, resumes_soon: bool) -> Move:
    """What follows from the site having suspended the work (for want of energy)."""
    if offer.state is not OfferState.SUSPENDED or offer.release_requested:
        return Move.KEEP
    if offer.mobility is Mobility.PINNED or not fits_elsewhere or resumes_soon or not site.reachable:
        return Move.KEEP
    return Move.RELEASE


def still_counts(offer: Offer, site: SiteView) -> bool:
    """Whether the replicas of an offer count as placed: not once they were lawfully given up on.

    They are given up on only after the release stands on the offer, so that a site which returns obeys it.
    """
    if offer.final:
        return False
    return not (offer.release_requested and on_loss(offer, site) is Move.REPLACE)
