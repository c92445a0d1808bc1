"""`policloud doctor`: what is wrong with this cluster, and what to do about each finding."""

from __future__ import annotations

from typing import Any

import click
from rich.text import Text

from policloud.cli.checks import CHECKS, Finding, Level
from policloud.cli.common import Session, Target, cluster_options, run
from policloud.cli.errors import EXIT_FAILURE
from policloud.cli.render.documents import document, emit
from policloud.cli.render.tables import BAD, GOOD, WAITING, Cell, Column, show, table
from policloud.ports import ApiError

MARKS = {Level.OK: ("✓", GOOD), Level.WARN: ("!", WAITING), Level.FAIL: ("✗", BAD)}


async def examine(session: Session) -> list[Finding]:
    """All checks in order. The first one tells whether the rest can be made at all."""
    findings: list[Finding] = []
    for title, check in CHECKS:
        try:
            findings += await check(session)
        except ApiError as error:
            findings.append(Finding(title, Level.FAIL, error.message, "see the first failed check"))
            if title == CHECKS[0][0]:
                break
    return findings


def as_document(findings: list[Finding]) -> dict[str, Any]:
    """Kind `Doctor`: `healthy` and `findings[]` of check, level (ok, warn, fail), message and fix."""
    return document(
        "Doctor",
        {
            "healthy": not any(f.level is Level.FAIL for f in findings),
            "findings": [
                {"check": f.check, "level": str(f.level), "message": f.message, "fix": f.fix} for f in findings
            ],
        },
    )


@click.command(short_help="Check this cluster and say how to repair what is wrong.")
@cluster_options(namespaced=False, outputs=("table", "json", "yaml"))
def command(*, target: Target) -> None:
    """Check this cluster and say how to repair what is wrong.

    The API server, the CRDs and their version, the operator, your rights, clocks, sites, units and tools. Exits with 1
    if anything failed; warnings do not count.
    """
    findings = run(target, examine)
    if target.machine:
        emit(target.output, as_document(findings))
    else:
        rows: list[list[Cell]] = [[Text(*MARKS[f.level]), f.check, f.message] for f in findings]
        show(table([Column(""), Column("CHECK"), Column("FOUND")], rows))
        for f in findings:
            if f.fix and f.level is not Level.OK:
                show(f"{MARKS[f.level][0]} {f.check}\n  fix: {f.fix}")
    if any(f.level is Level.FAIL for f in findings):
        click.get_current_context().exit(EXIT_FAILURE)
