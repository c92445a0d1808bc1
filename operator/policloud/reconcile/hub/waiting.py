"""Why replicas have no place, in a reason and a sentence, from the placement's verdict of every unit."""

from __future__ import annotations

from policloud.domain.federation.verdict import Waiting
from policloud.domain.placement.model import UnitVerdict, WorkloadDecision
from policloud.domain.reasons import Reason, Verdict, WorkloadReason
from policloud.reconcile.site.decisions import nearest

_REFUSED = frozenset({Reason.REFUSED_BY_MANDATE, Reason.REFUSED_BY_SITE})
_SHOWN = 3


def waiting_for(decision: WorkloadDecision) -> Waiting:
    """Energy before capacity before refusals: what time is likeliest to mend is said first."""
    verdicts = nearest(decision.verdicts)
    if not verdicts:
        return Waiting(WorkloadReason.NO_UNIT_ALLOWED, "no unit has joined the federation")
    said = "; ".join(_sentence(v) for v in verdicts[:_SHOWN])
    later = {v.reason for v in verdicts if v.verdict is not Verdict.NEVER}
    if Reason.INSUFFICIENT_POWER in later:
        return Waiting(WorkloadReason.WAITING_FOR_ENERGY, said)
    if later and later <= _REFUSED:
        return Waiting(WorkloadReason.REFUSED, said)
    if later:
        return Waiting(WorkloadReason.WAITING_FOR_CAPACITY, said)
    lawful = [v for v in verdicts if v.reason in {Reason.NEVER_FITS, Reason.GPU_MEMORY_TOO_SMALL}]
    if lawful:
        return Waiting(WorkloadReason.NEVER_FITS, said)
    return Waiting(WorkloadReason.NO_UNIT_ALLOWED, said)


def _sentence(v: UnitVerdict) -> str:
    if v.reason is None:
        return f"{v.unit} fits"
    detail = f" ({v.measured}, required {v.required})" if v.measured and v.required else ""
    until = f" until about {v.earliest:%H:%M}Z" if v.earliest else ""
    return f"{v.unit}: {v.reason}{detail}{until}"
