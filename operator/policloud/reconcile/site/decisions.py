"""A placement decision as `status.decision`, and what a workload waits for, in a sentence."""

from __future__ import annotations

from datetime import datetime

from policloud.domain.placement.explain import summary, units_line, waiting_reason
from policloud.domain.placement.model import UnitVerdict, WorkloadDecision
from policloud.domain.reasons import WorkloadReason
from policloud.ports import Body
from policloud.reconcile.site.draft import Why
from policloud.reconcile.site.specs import rfc3339


def decision_status(decision: WorkloadDecision, snapshot: str, now: datetime) -> Body:
    """`status.decision`: how many law and hardware allow, reasons counted, the nearest verdicts."""
    told = summary(decision.verdicts)
    status: Body = {
        "at": rfc3339(now),
        "fits": told.fits,
        "of": told.of,
        "reasons": dict(told.reasons),
        "units": [_verdict(v) for v in told.units],
        "relaxations": [r[:256] for r in decision.relaxations[:8]],
    }
    # An empty map or list would be stored as null by server-side apply, which the schema refuses.
    status = {k: v for k, v in status.items() if v not in ({}, [])}
    if snapshot:
        status["snapshot"] = snapshot if snapshot.startswith("sha256:") else f"sha256:{snapshot}"
    return status


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


def waiting(decision: WorkloadDecision, now: datetime) -> Why:
    """Why replicas are left without a place."""
    if not decision.verdicts:
        return Why(WorkloadReason.WAITING_FOR_CAPACITY, "this site has no PolicloudUnit: apply one")
    return Why(waiting_reason(decision.verdicts), units_line(decision, now))
