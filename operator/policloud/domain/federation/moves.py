"""May work be moved away from where it runs? Mobility and reachability decide; `exclusive` has its own place."""

from __future__ import annotations

from enum import StrEnum

from policloud.domain.federation.liveness import Reach
from policloud.domain.federation.membership import MembershipState
from policloud.domain.federation.offers import Mobility, Offer, OfferState


class Move(StrEnum):
    """What the hub may do with the replicas of one offer."""

    KEEP = "Keep"
    REPLACE = "Replace"  # write the release on the old offer, then place elsewhere without waiting
    RELEASE = "Release"  # ask for a release; place elsewhere once it is confirmed


def on_loss(offer: Offer, site: MembershipState) -> Move:
    """What follows from the site's silence alone. Pinned and Preferred work is never moved by silence.

    Exclusive work is not replaced: that needs its site fenced (names.FENCED_ANNOTATION), else two could run.
    """
    if offer.mobility is not Mobility.FREE or not site.moves_allowed or offer.exclusive:
        return Move.KEEP
    return Move.REPLACE


def on_suspension(offer: Offer, site: MembershipState, *, fits_elsewhere: bool, resumes_soon: bool) -> Move:
    """What follows from the site having suspended the work (for want of energy)."""
    if offer.state is not OfferState.SUSPENDED or offer.release_requested:
        return Move.KEEP
    if offer.mobility is Mobility.PINNED or not fits_elsewhere or resumes_soon or site.reach is not Reach.REACHABLE:
        return Move.KEEP
    return Move.RELEASE


def still_counts(offer: Offer, site: MembershipState) -> bool:
    """Whether the replicas of an offer count as placed: not once they were lawfully given up on.

    They are given up on only after the release stands on the offer, so that a site which returns obeys it.
    """
    if offer.final:
        return False
    return not (offer.release_requested and on_loss(offer, site) is Move.REPLACE)
