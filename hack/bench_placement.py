"""How long a round of placement takes: `python hack/bench_placement.py [--units 1000] [--workloads 200]`.

Prints a table on stderr and JSON on stdout. Input is random from a seed, so figures compare between versions on one
machine only.
"""

from __future__ import annotations

import argparse
import json
import sys
from random import Random
from time import perf_counter, process_time

from policloud.domain.placement.canonical import digest
from policloud.domain.placement.model import Snapshot
from policloud.domain.placement.solve import GreedySolver
from policloud.testing.fleets import random_snapshot


def measure(snapshot: Snapshot, rounds: int) -> dict[str, float | int]:
    """Best of `rounds`: wall and CPU seconds for the whole solve, and for the digest in it; what came of it."""
    solves, cpu, digests = [], [], []
    for _ in range(rounds):
        start, used = perf_counter(), process_time()
        decision = GreedySolver().solve(snapshot)
        solves.append(perf_counter() - start)
        cpu.append(process_time() - used)
        start = perf_counter()
        digest(snapshot)
        digests.append(perf_counter() - start)
    results = decision.workloads.values()
    return {
        "units": len(snapshot.units),
        "workloads": len(snapshot.workloads),
        "solveSeconds": round(min(solves), 4),
        "solveCPUSeconds": round(min(cpu), 4),
        "digestSeconds": round(min(digests), 4),
        "assignments": sum(len(w.assignments) for w in results),
        "placedReplicas": sum(a.replicas for w in results for a in w.assignments),
        "unplacedReplicas": sum(w.unplaced for w in results),
        "verdicts": sum(len(w.verdicts) for w in results),
    }


def main() -> None:
    """Measure the size asked for, or a ladder of sizes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--units", type=int)
    parser.add_argument("--workloads", type=int, default=200)
    parser.add_argument("--classes", type=int, default=40, help="different demands among the workloads")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    sizes = [options.units] if options.units else [9, 100, 1000]
    rows = []
    for units in sizes:
        rng = Random(options.seed)  # noqa: S311 - a reproducible load, no secret
        snapshot = random_snapshot(rng, units=units, workloads=options.workloads, classes=options.classes)
        rows.append(measure(snapshot, options.rounds))
    columns = list(rows[0])
    for line in ([*columns], *([str(row[c]) for c in columns] for row in rows)):
        print("  ".join(f"{cell:>16}" for cell in line), file=sys.stderr)
    print(json.dumps(rows))


if __name__ == "__main__":
    main()
