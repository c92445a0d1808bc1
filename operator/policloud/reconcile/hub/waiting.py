"""Why replicas have no place, in a reason and a sentence, from the placement's verdict of every unit."""

from __future__ import annotations

from datetime import datetime

from policloud.domain.federation.verdict import Waiting
from policloud.domain.placement.explain import units_line, waiting_reason
from policloud.domain.placement.model import WorkloadDecision
from policloud.domain.reasons import WorkloadReason


def waiting_for(decision: WorkloadDecision, now: datetime) -> Waiting:
    """Energy before capacity before refusals: what time is likeliest to mend is said first."""
    if not decision.verdicts:
        return Waiting(WorkloadReason.NO_UNIT_ALLOWED, "no unit has joined the federation")
    return Waiting(waiting_reason(decision.verdicts), units_line(decision, now))
