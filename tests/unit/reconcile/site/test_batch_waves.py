"""A batch between two waves of pods is running, not starting: its readiness must not flap with every wave."""

from __future__ import annotations

import pytest

from policloud.domain.conditions import Condition
from policloud.reconcile.site.observed import BatchCounts, Observed
from policloud.reconcile.site.placements import Placement
from policloud.reconcile.site.specs import workload_spec
from policloud.reconcile.site.workload_conditions import workload_conditions

BODY = {
    "metadata": {"namespace": "lab", "name": "sweep", "uid": "u1", "generation": 1},
    "spec": {"class": "Batch", "gpu": {"perReplica": 1}, "batch": {"completions": 9, "parallelism": 3, "template": {}}},
}
PLACED = (Placement("here", "unit-1", 3, "Running"),)


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        (BatchCounts(succeeded=3, active=3), ("True", "Running")),
        (BatchCounts(succeeded=0, active=3), ("False", "Starting")),
        (BatchCounts(succeeded=3, active=0), ("False", "Starting")),
    ],
    ids=["between waves", "first wave", "nothing active"],
)
def test_readiness_between_waves(counts: BatchCounts, expected: tuple[str, str]) -> None:
    placed = Condition("Placed", "True", "Placed", "")
    found = workload_conditions(workload_spec(BODY), PLACED, Observed({}, counts), placed, None)
    ready = next(c for c in found if c.type == "Ready")
    assert (ready.status, ready.reason) == expected
