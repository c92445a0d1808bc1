"""One workload with its offers at one moment, and what can be read off it: what is placed, missing, done, leaving."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from policloud.domain.federation.content import Wanted
from policloud.domain.federation.membership import MembershipState
from policloud.domain.federation.moves import still_counts
from policloud.domain.federation.offers import Offer

COMPLETED = "Completed"
FAILED = "Failed"
FINISHED = frozenset({COMPLETED, FAILED})


@dataclass(frozen=True, slots=True)
class Times:
    """Settings of the protocol on the hub; `scaled` shortens all of them."""

    answer_within: timedelta = timedelta(seconds=30)
    ask_again: timedelta = timedelta(seconds=60)  # after silence
    keep_withdrawn: timedelta = timedelta(hours=1)
    resumes_soon: timedelta = timedelta(minutes=5)

    def scaled(self, factor: float) -> Times:
        return Times(
            *(t * factor for t in (self.answer_within, self.ask_again, self.keep_withdrawn, self.resumes_soon))
        )


@dataclass(frozen=True, slots=True)
class View:
    """One workload at one moment. `wanted` None: its SovereignWorkload is not there (which orders nothing)."""

    wanted: Wanted | None
    offers: tuple[Offer, ...]
    sites: Mapping[str, MembershipState]  # by namespace of the offers
    now: datetime
    unlawful: Mapping[str, str] = field(default_factory=dict)  # unit -> why it may not run there any more
    forged: frozenset[str] = frozenset()  # offer UIDs whose answer is not signed by the pinned key
    newest: frozenset[str] = frozenset()  # offer UIDs with their site's highest sequence: never deleted
    times: Times = Times()

    def site(self, offer: Offer) -> MembershipState:
        return self.sites.get(offer.namespace) or MembershipState(offer.namespace)


def finished(view: View) -> Offer | None:
    """The offer under which a batch came to its end, if one did."""
    return next((o for o in view.offers if o.released and o.reason in FINISHED), None)


def share(offer: Offer) -> int:
    """Replicas that an offer stands for: asked while an answer may come, else what runs."""
    if offer.final:
        return 0
    if offer.unanswered and not offer.release_requested:
        return offer.demand.replicas
    return offer.running.grant.replicas if offer.running else 0


def placed(view: View) -> dict[str, int]:
    """Replicas by unit that are held or may yet be: what a placement must not place again."""
    held: dict[str, int] = {}
    for offer in view.offers:
        if still_counts(offer, view.site(offer)) and (count := max(share(offer), runs(offer))):
            held[offer.unit] = held.get(offer.unit, 0) + count
    return held


def missing(view: View) -> int:
    """Replicas that no open offer stands for. Work that is leaving counts until it has left."""
    wanted = view.wanted
    if wanted is None or wanted.deleting or finished(view) is not None:
        return 0
    held = sum(placed(view).values())
    if wanted.whole:
        return 0 if held else wanted.replicas
    return max(0, wanted.replicas - held)


def done_before(view: View) -> int:
    """Completions of a batch under offers that are over or were given up, by the last count reported."""
    over = (o for o in view.offers if not still_counts(o, view.site(o)))
    return sum(int(o.feedback.get("succeeded", 0)) for o in over)


def leaving_units(view: View) -> frozenset[str]:
    """Units not to be asked now: an offer there is being ended, or cannot be asked anew."""
    return frozenset(o.unit for o in view.offers if not o.final and (o.leaving or o.withdrawn or o.uid in view.forged))


def next_look(view: View) -> datetime | None:
    """When time alone may change what `housekeeping` says."""
    moments: list[datetime] = []
    for o in view.offers:
        if o.unanswered and not o.release_requested and o.answer_by:
            moments.append(o.answer_by)
        if o.answer and o.answered and o.answer.until:
            moments.append(o.answer.until)
        if o.ask_again:
            moments.append(o.ask_again)
        if o.final and o.withdrawn_at and o.uid not in view.newest:
            moments.append(o.withdrawn_at + view.times.keep_withdrawn)
    return min((m for m in moments if m > view.now), default=None)


def runs(offer: Offer) -> int:
    return offer.running.grant.replicas if offer.running and not offer.released else 0
