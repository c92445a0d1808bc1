"""What the hub says of a workload: its conditions, from its offers and from the last placement."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from policloud.domain.conditions import Condition
from policloud.domain.federation.liveness import Reach
from policloud.domain.federation.offers import AnswerVerdict, Offer, OfferState
from policloud.domain.federation.view import COMPLETED, View, finished, missing
from policloud.domain.reasons import WorkloadReason

TEMPLATE_REASONS = frozenset({"TemplateRefused", "TemplateConflict", "KindNotServed"})
MANDATE_REASON = "RefusedByMandate"


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why replicas are without a place, as the last placement found."""

    reason: WorkloadReason
    message: str


def conditions(view: View, waiting: Waiting | None) -> list[Condition]:
    """Ready, Placed, Reconciling, Stalled, in this order."""
    if (end := finished(view)) is not None:
        return _finished(end)
    ready = _ready(view, waiting)
    stalled = ready.reason in {*TEMPLATE_REASONS, WorkloadReason.NO_LOCAL_SITE}
    working = ready.reason in {
        WorkloadReason.STARTING,
        WorkloadReason.WAITING_FOR_SITE,
        WorkloadReason.DRAINING,
        WorkloadReason.PENDING_EVALUATION,
    }
    return [
        ready,
        _placed(view, waiting),
        Condition("Reconciling", "True" if working else "False", ready.reason if working else "UpToDate"),
        Condition(
            "Stalled",
            "True" if stalled else "False",
            ready.reason if stalled else "Progressing",
            ready.message if stalled else "",
        ),
    ]


def no_local_site() -> list[Condition]:
    """A workload labelled to stay local, on a cluster that has only a hub."""
    message = (
        "labelled policloud.io/scope=local, but no site runs on this cluster: apply it on the site's own cluster, "
        "or remove the label to have it placed in the federation"
    )
    reason = str(WorkloadReason.NO_LOCAL_SITE)
    return _stalled(reason, message)


def too_large(size: int, limit: int) -> list[Condition]:
    """The spec does not fit into an offer."""
    message = f"its spec has {size} bytes as JSON, an offer carries at most {limit}: make the template smaller"
    return _stalled(str(WorkloadReason.TEMPLATE_CONFLICT), message)


def _stalled(reason: str, message: str) -> list[Condition]:
    return [
        Condition("Ready", "False", reason, message),
        Condition("Placed", "False", reason, message),
        Condition("Reconciling", "False", "UpToDate"),
        Condition("Stalled", "True", reason, message),
    ]


def ready_replicas(offer: Offer) -> int:
    """As the site last reported."""
    granted = offer.running.grant.replicas if offer.running else 0
    return min(granted, int(offer.feedback.get("readyReplicas", 0))) if offer.running and not offer.released else 0


def _finished(end: Offer) -> list[Condition]:
    done = end.reason == COMPLETED
    reason = str(WorkloadReason.COMPLETED if done else WorkloadReason.FAILED)
    message = f"{end.feedback.get('succeeded', 0)} completions at {end.unit}" if done else f"failed at {end.unit}"
    return [
        Condition("Ready", "True" if done else "False", reason, message),
        Condition("Placed", "True", reason),
        Condition("Reconciling", "False", "UpToDate"),
        Condition("Stalled", "False" if done else "True", "Progressing" if done else reason, "" if done else message),
    ]


def _placed(view: View, waiting: Waiting | None) -> Condition:
    running = sum(o.running.grant.replicas for o in view.offers if o.running and not o.released)
    asked = view.wanted.replicas if view.wanted else 0
    lacking = missing(view)
    if running and lacking:
        return Condition("Placed", "True", "PartlyPlaced", f"{running} of {asked} replicas")
    if running >= asked or (running and not lacking):
        return Condition("Placed", "True", "Placed")
    if waiting is not None and lacking:
        return Condition("Placed", "False", str(waiting.reason), waiting.message)
    return Condition("Placed", "False", str(WorkloadReason.WAITING_FOR_SITE if not lacking else "PendingEvaluation"))


def _ready(view: View, waiting: Waiting | None) -> Condition:
    live = [o for o in view.offers if not o.final]
    running = [o for o in live if o.running]
    asked = view.wanted.replicas if view.wanted else 0
    said = f"{sum(ready_replicas(o) for o in running)} of {asked} replicas run"
    if (troubled := _troubled(view, running, said)) is not None:
        return troubled
    if missing(view):
        return _lacking(view, waiting, said)
    if asked_of := [o for o in live if o.unanswered]:
        return Condition(
            "Ready", "False", str(WorkloadReason.WAITING_FOR_SITE), f"{said}; offered to {_units(asked_of)}"
        )
    return _progress(running, asked, said)


def _troubled(view: View, running: list[Offer], said: str) -> Condition | None:
    """What is wrong with what was granted: not heard of, leaving, suspended."""
    if lost := [o for o in running if view.site(o).reach is Reach.UNREACHABLE]:
        message = f"{said}, as last heard: the site of {_units(lost)} cannot be reached"
        return Condition("Ready", "Unknown", str(WorkloadReason.SITE_UNREACHABLE), message)
    if leaving := [o for o in running if o.leaving]:
        message = f"{said}; leaving {_units(leaving)}{_why(leaving)}"
        return Condition("Ready", "False", str(WorkloadReason.DRAINING), message)
    if resting := [o for o in running if o.state is OfferState.SUSPENDED]:
        reason = _known(resting[0].reason, WorkloadReason.SUSPENDED)
        return Condition("Ready", "False", reason, f"{said}; suspended at {_units(resting)}{_why(resting)}")
    return None


def _progress(running: list[Offer], asked: int, said: str) -> Condition:
    behind = [o for o in running if o.running and ready_replicas(o) < o.running.grant.replicas]
    if behind or (not running and asked):
        stalled = [o for o in behind if o.reason in TEMPLATE_REASONS]
        reason = stalled[0].reason if stalled else str(WorkloadReason.STARTING)
        return Condition("Ready", "False", reason, f"{said}; starting at {_units(behind)}{_why(stalled)}")
    return Condition("Ready", "True", str(WorkloadReason.RUNNING), said)


def _lacking(view: View, waiting: Waiting | None, said: str) -> Condition:
    """Replicas have no place: the placement's reason, unless every site that could refused the template."""
    refused = [o for o in view.offers if _refuses_template(o)]
    if refused and waiting is not None and waiting.reason in {WorkloadReason.REFUSED, WorkloadReason.NO_UNIT_ALLOWED}:
        answer = refused[-1].answer
        message = f"{refused[-1].unit}: {answer.message}" if answer else ""
        return Condition("Ready", "False", str(WorkloadReason.TEMPLATE_REFUSED), message)
    if waiting is None:
        return Condition("Ready", "False", str(WorkloadReason.PENDING_EVALUATION), f"{said}; not evaluated yet")
    return Condition("Ready", "False", str(waiting.reason), f"{said}. {waiting.message}")


def _refuses_template(offer: Offer) -> bool:
    answer = offer.answer
    return answer is not None and answer.verdict is AnswerVerdict.REFUSED and answer.reason in TEMPLATE_REASONS


def _units(offers: Iterable[Offer]) -> str:
    return ", ".join(sorted({o.unit for o in offers}))


def _why(offers: Iterable[Offer]) -> str:
    reasons = sorted({o.reason for o in offers if o.reason})
    return f" ({', '.join(reasons)})" if reasons else ""


def _known(reason: str, default: WorkloadReason) -> str:
    return reason if reason in {str(r) for r in WorkloadReason} else str(default)
