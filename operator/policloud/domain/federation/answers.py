"""What a site says to one sequence of an offer. Pure: what was looked up comes in, the answer goes out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from policloud.domain.federation.held import Held
from policloud.domain.federation.mandate import Admission, Barrier
from policloud.domain.federation.offers import NOTHING, AnswerVerdict, Grant, Offer
from policloud.domain.reasons import Reason

TEMPLATE_REFUSED = "TemplateRefused"
_QUANTITIES = frozenset({Barrier.GPUS, Barrier.WATTS})


@dataclass(frozen=True, slots=True)
class AnswerTimes:
    """For how long a no holds, where nothing better is known; `scaled` shortens all."""

    refused: timedelta = timedelta(minutes=10)
    retry: timedelta = timedelta(minutes=1)
    given_back: timedelta = timedelta(minutes=10)

    def scaled(self, factor: float) -> AnswerTimes:
        return AnswerTimes(self.refused * factor, self.retry * factor, self.given_back * factor)


@dataclass(frozen=True, slots=True)
class Findings:
    """What the site found out about an offer. `room`: replicas that fit in all, what it holds already included."""

    unit_known: bool = True
    unit_leaving: bool = False
    breach: tuple[str, str] | None = None  # reason and message of the first rule that does not hold here
    admission: Admission = field(default_factory=lambda: Admission(0))
    room_by_gpus: int = 0
    room: int = 0
    measured: str = ""  # what is free, in words


@dataclass(frozen=True, slots=True)
class Decided:
    """An answer before it gets its numbers."""

    verdict: AnswerVerdict
    grant: Grant = NOTHING
    reason: str = ""
    message: str = ""
    until: datetime | None = None
    mandate: str = ""


def must_answer(offer: Offer, held: Held | None, *, highest_epoch: int) -> bool:
    """Whether the site owes an answer: open, newer than what it answered, from a hub that is not an old one."""
    if not offer.unanswered or offer.release_requested or offer.epoch < highest_epoch:
        return False
    if held is None:
        return True
    return held.released_at is None and held.drain_until is None


def scales_down(offer: Offer, held: Held | None) -> bool:
    """No more of anything than what runs: always accepted, whatever the mandate says by now."""
    return held is not None and held.runs and held.grant.covers(offer.demand.grant)


def decide(offer: Offer, held: Held | None, found: Findings, *, now: datetime, times: AnswerTimes) -> Decided:
    """The answer, but for the template: what is Accepted or Countered here still needs its dry run."""
    until = now + times.refused
    if (why := _unfit(offer, found)) is not None:
        return Decided(AnswerVerdict.REFUSED, reason=why[0], message=why[1], until=until)
    if scales_down(offer, held):
        return Decided(AnswerVerdict.ACCEPTED, offer.demand.grant, mandate=held.mandate if held else "")
    if found.unit_leaving:
        message = f"unit {offer.unit} is being taken out of service"
        return Decided(AnswerVerdict.REFUSED, reason=str(Reason.UNIT_NOT_READY), message=message, until=until)
    admission, retry = found.admission, now + times.retry
    if admission.replicas == 0:
        return _not_admitted(admission, until, retry)
    replicas = min(found.room, admission.replicas, offer.demand.replicas)
    if replicas >= offer.demand.replicas:
        return Decided(AnswerVerdict.ACCEPTED, offer.demand.grant, mandate=admission.mandate)
    return _too_little(offer, held, found, replicas, retry)


def _unfit(offer: Offer, found: Findings) -> tuple[str, str] | None:
    """What holds for any amount of it, also for less than runs already."""
    if not found.unit_known:
        return str(Reason.UNIT_NOT_READY), f"this site has no unit {offer.unit}"
    return found.breach


def refuse_template(reason: str, message: str, *, now: datetime, times: AnswerTimes) -> Decided:
    """The site's API server, or a rule of ours, does not take what the content would become."""
    return Decided(AnswerVerdict.REFUSED, reason=reason, message=message[:256], until=now + times.refused)


def images_of(content: object) -> tuple[str, ...]:
    """Every image named anywhere in a pod or machine template, in order; a template may hide them in any list."""
    return tuple(dict.fromkeys(_images(content)))


def _images(node: object) -> Iterable[str]:
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "image" and isinstance(value, str):
                yield value
            else:
                yield from _images(value)
    elif isinstance(node, list | tuple):
        for value in node:
            yield from _images(value)


def _not_admitted(admission: Admission, refused: datetime, retry: datetime) -> Decided:
    until = admission.until or (retry if admission.barrier in _QUANTITIES else refused)
    verdict = AnswerVerdict.RETRY_AFTER if admission.barrier in _QUANTITIES else AnswerVerdict.REFUSED
    reason = str(Reason.REFUSED_BY_MANDATE)
    return Decided(verdict, reason=reason, message=admission.message[:256], until=until)


def _too_little(offer: Offer, held: Held | None, found: Findings, replicas: int, retry: datetime) -> Decided:
    """Less fits than is asked: a counter-offer where a part is of use and is more than what runs."""
    by_mandate = found.admission.replicas <= found.room and found.admission.replicas < offer.demand.replicas
    if by_mandate:
        reason, message = str(Reason.REFUSED_BY_MANDATE), found.admission.message
    else:
        short_of_power = found.room < min(found.room_by_gpus, offer.demand.replicas)
        reason = str(Reason.INSUFFICIENT_POWER if short_of_power else Reason.INSUFFICIENT_GPUS)
        message = f"{found.room} of {offer.demand.replicas} replicas fit; {found.measured}"
    runs = held.grant.replicas if held and held.runs else 0
    if offer.demand.gang or replicas <= runs or replicas < 1:
        return Decided(AnswerVerdict.RETRY_AFTER, reason=reason, message=message[:256], until=retry)
    part = offer.demand.scaled(replicas).grant
    return Decided(AnswerVerdict.COUNTERED, part, reason, message[:256], retry)
