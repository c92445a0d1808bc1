"""A placement decision as `status.decision`, and what a workload waits for, in a sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from policloud.domain.placement.model import UnitVerdict, WorkloadDecision
from policloud.domain.reasons import Reason, Verdict, WorkloadReason
from policloud.ports import Body
from policloud.reconcile.site.draft import Why
from policloud.reconcile.site.specs import rfc3339

NEAREST = 20
_LIMITS = frozenset({Reason.PRICE_ABOVE_LIMIT, Reason.CARBON_ABOVE_LIMIT, Reason.DEADLINE_UNREACHABLE})


def decision_status(decision: WorkloadDecision, snapshot: str, now: datetime) -> Body:
    """`status.decision`: how many fit, reasons counted, the nearest verdicts."""
    verdicts = decision.verdicts
    reasons = Counter(str(v.reason) for v in verdicts if v.reason is not None)
    status: Body = {
        "at": rfc3339(now),
        "fits": sum(v.verdict is Verdict.FITS for v in verdicts),
        "of": len(verdicts),
        "reasons": dict(sorted(reasons.items())),
        "units": [_verdict(v) for v in nearest(verdicts)[:NEAREST]],
        "relaxations": [r[:256] for r in decision.relaxations[:8]],
    }
    # An empty map or list would be stored as null by server-side apply, which the schema refuses.
    status = {k: v for k, v in status.items() if v not in ({}, [])}
    if snapshot:
        status["snapshot"] = snapshot if snapshot.startswith("sha256:") else f"sha256:{snapshot}"
    return status


def nearest(verdicts: Iterable[UnitVerdict]) -> list[UnitVerdict]:
    """Those that fit, then those that time may change, then the rest; the smaller the shortfall the earlier."""
    order = {Verdict.FITS: 0, Verdict.NOT_NOW: 1, Verdict.NEVER: 2}
    return sorted(
        verdicts,
        key=lambda v: (order[v.verdict], v.shortfall if v.shortfall is not None else float("inf"), v.site, v.unit),
    )


def _verdict(v: UnitVerdict) -> Body:
    body: Body = {"site": v.site, "unit": v.unit, "verdict": str(v.verdict)}
    if v.reason is not None:
        body["reason"] = str(v.reason)
    for name, value in (("measured", v.measured), ("required", v.required), ("margin", v.margin)):
        if value:
            body[name] = value[:256]
    if v.earliest is not None:
        body["earliest"] = rfc3339(v.earliest)
    return body


def same(old: Body | None, new: Body) -> bool:
    """Whether two decisions say the same, whenever and from whatever snapshot they were made."""
    ignored = {"at", "snapshot"}
    return old is not None and {k: v for k, v in old.items() if k not in ignored} == {
        k: v for k, v in new.items() if k not in ignored
    }


def waiting(decision: WorkloadDecision) -> Why:
    """Why replicas are left without a place."""
    verdicts = nearest(decision.verdicts)
    reasons = {v.reason for v in verdicts if v.verdict is Verdict.NOT_NOW}
    if not verdicts:
        return Why(WorkloadReason.WAITING_FOR_CAPACITY, "this site has no PolicloudUnit: apply one")
    said = "; ".join(_sentence(v) for v in verdicts[:3])
    if reasons & {Reason.INSUFFICIENT_POWER}:
        return Why(WorkloadReason.WAITING_FOR_ENERGY, said)
    if reasons - _LIMITS or any(v.verdict is Verdict.FITS for v in verdicts):
        return Why(WorkloadReason.WAITING_FOR_CAPACITY, said)
    if all(v.reason is Reason.NEVER_FITS for v in verdicts):
        return Why(WorkloadReason.NEVER_FITS, said)
    return Why(WorkloadReason.NO_UNIT_ALLOWED, said)


def _sentence(v: UnitVerdict) -> str:
    if v.reason is None:
        return f"{v.unit}: fits"
    detail = f" ({v.measured}, required {v.required})" if v.measured and v.required else ""
    return f"{v.unit}: {v.reason}{detail}"
