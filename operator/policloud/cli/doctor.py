"""`policloud doctor`: what is wrong with this cluster, and what to do about each finding."""

from __future__ import annotations

import click

from policloud.cli.checks import CHECKS, Finding, Level
from policloud.cli.common import Session, Target, cluster_options, run
from policloud.cli.errors import EXIT_FAILURE
from policloud.cli.render.findings import healthy, show_findings
from policloud.ports import ApiError


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


@click.command(short_help="Check this cluster and say how to repair what is wrong.")
@cluster_options(namespaced=False, outputs=("table", "json", "yaml"))
def command(*, target: Target) -> None:
    """Check this cluster and say how to repair what is wrong.

    The API server, the CRDs and their version, the operator, your rights, clocks, sites, units and tools. Exits with 1
    if anything failed; warnings do not count.
    """
    findings = run(target, examine)
    show_findings("Doctor", findings, target.output)
    if not healthy(findings):
        click.get_current_context().exit(EXIT_FAILURE)
