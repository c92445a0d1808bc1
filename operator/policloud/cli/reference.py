"""Reference pages made from the code: `python -m policloud.cli.reference docs/reference`. A test finds drift."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from prometheus_client import Metric

from policloud.adapters.metrics import Metrics
from policloud.cli.render.reasons import UNIT_REASONS, WORKLOAD_REASONS
from policloud.runtime.store import Store

_MADE = "<!-- made by `python -m policloud.cli.reference docs/reference`; edit the code instead -->"


def reasons_page() -> str:
    return "\n".join(
        [
            "# Reasons",
            _MADE,
            "",
            "One stable list: scripts and dashboards may rely on it. Names are added, never changed.",
            "",
            "## Of a workload",
            "`reason` of the conditions Ready, Placed and Stalled of a SovereignWorkload.",
            "",
            *_table(WORKLOAD_REASONS),
            "",
            "## Of a unit",
            "`status.decision.units[].reason`: why this unit is not chosen. Where several apply, the first is shown.",
            "",
            *_table(UNIT_REASONS),
            "",
        ]
    )


def _table(meanings: Mapping[str, str]) -> list[str]:
    rows = [f"| `{reason!s}` | {text} |" for reason, text in meanings.items()]
    return ["| Reason | Meaning |", "|---|---|", *rows]


def metrics_page() -> str:
    """Every family that a process of ours exposes; those of one queue or kind are listed once."""
    metrics = Metrics()
    metrics.follow((), Store())
    families = sorted(metrics.registry.collect(), key=lambda f: f.name)
    rows = [f"| `{exposed_name(f)}` | {f.type} | {f.documentation} |" for f in families]
    return "\n".join(
        [
            "# Metrics",
            _MADE,
            "",
            "At `/metrics` of each process (`--probe-listen`).",
            "Queues, reconciles and requests carry controller-runtime's names: dashboards made for it work.",
            "",
            "| Name | Type | Meaning |",
            "|---|---|---|",
            *rows,
            "",
        ]
    )


def exposed_name(family: Metric) -> str:
    """As scraped: counters end in _total."""
    return f"{family.name}_total" if family.type == "counter" else str(family.name)


PAGES = {"reasons.md": reasons_page, "metrics.md": metrics_page}


def main(folder: str) -> None:
    for name, page in PAGES.items():
        (Path(folder) / name).write_text(page())


if __name__ == "__main__":
    main(sys.argv[1])
