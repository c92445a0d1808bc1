"""What sites have said no to, as the planner is to know it: not asked again before `until`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from policloud.domain.federation.offers import AnswerVerdict, Offer
from policloud.domain.placement.model import Refusal

NO_ANSWER = "NoAnswer"
_MOST_DOUBLINGS = 4


def refusals(offers: Iterable[Offer], *, now: datetime, ask_again: timedelta) -> dict[str, Refusal]:
    """By unit, of each the one that lasts longest."""
    found: dict[str, Refusal] = {}
    for offer in offers:
        refusal = _refusal(offer, ask_again)
        if refusal is None or (refusal.until is not None and refusal.until <= now):
            continue
        known = found.get(offer.unit)
        if known is None or refusal.until is None or (known.until is not None and refusal.until > known.until):
            found[offer.unit] = refusal
    return found


def _refusal(offer: Offer, ask_again: timedelta) -> Refusal | None:
    answer = offer.answer
    if offer.released and not offer.release_requested and offer.reason:
        return Refusal(offer.reason, offer.until) if offer.until else None  # given back: until when, the site says
    if answer is not None and answer.sequence == offer.sequence and answer.verdict is not AnswerVerdict.ACCEPTED:
        text = f"{answer.reason}: {answer.message}" if answer.message else answer.reason or str(answer.verdict)
        return Refusal(text, answer.until)
    if (at := _let_pass(offer)) is not None:
        return Refusal(NO_ANSWER, at + ask_again)
    if offer.ask_again is not None:
        return Refusal("the site grants no more for now", offer.ask_again)
    return None


def patience(offers: Iterable[Offer], unit: str, answer_within: timedelta) -> timedelta:
    """How long to wait for the unit's answer: twice as long for each of these offers that it let pass, up to 16 times.

    A site slower than the hub's patience would otherwise be asked and withdrawn from for ever.
    """
    passed = sum(1 for offer in offers if offer.unit == unit and _let_pass(offer) is not None)
    return answer_within * (1 << min(passed, _MOST_DOUBLINGS))


def _let_pass(offer: Offer) -> datetime | None:
    """When it was withdrawn because no answer came in time; None if it was not."""
    if not offer.withdrawn or offer.answer is not None or offer.withdrawn_at is None or offer.answer_by is None:
        return None
    return offer.withdrawn_at if offer.withdrawn_at >= offer.answer_by else None
