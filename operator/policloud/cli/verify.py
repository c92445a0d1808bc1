"""`policloud hub verify`, `policloud site verify`: does an installation work? Run by `helm test`, and by hand."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable
from typing import Any, Final, cast

import click

from policloud.api.rights import Role
from policloud.cli.checks import Finding, Level
from policloud.cli.common import Session, process_target, run
from policloud.cli.errors import EXIT_FAILURE
from policloud.cli.render.findings import healthy, show_findings
from policloud.ports import ApiError

_READY_PORT: Final[dict[Role, int]] = {"hub": 8080, "site": 8081}
_HTTP_SECONDS: Final = 10.0
_AGAIN_SECONDS: Final = 2.0
_OK: Final = 200
_MAX_BODY: Final = 4096


def command(role: Role) -> click.Command:
    """The command `verify` of that process."""

    @click.command("verify", short_help="Check that this installation works.")
    @click.option(
        "--ready-url",
        default=f"http://127.0.0.1:{_READY_PORT[role]}/readyz",
        show_default=True,
        help=f"Readiness of the running {role} process.",
    )
    @click.option(
        "--wait",
        type=click.IntRange(0, 3600),
        default=0,
        metavar="SECONDS",
        show_default=True,
        help="Look again for so long if a check does not hold.",
    )
    @click.option("--require-placement", is_flag=True, help="Fail, too, if the small workload would run nowhere now.")
    @click.option("-o", "--output", type=click.Choice(["table", "json", "yaml"]), default="table", show_default=True)
    @click.pass_context
    def verify(ctx: click.Context, *, ready_url: str, wait: int, require_placement: bool, output: str) -> None:
        """Check that this installation works: readiness, cluster and CRD versions, permissions, a placement.

        The permissions are those of whoever runs this: run it as the process's own service account. The placement of a
        small built-in workload is computed and thrown away; nothing is written. Exits with 1 if a check does not hold.
        """
        target = process_target(ctx)

        async def work(session: Session) -> list[Finding]:
            end = session.clock.monotonic() + wait
            while True:
                findings = await examine(
                    session, role, target.namespace or "", ready_url, require_placement=require_placement
                )
                if healthy(findings) or session.clock.monotonic() >= end:
                    return findings
                await session.clock.sleep(_AGAIN_SECONDS)

        findings = run(target, work)
        show_findings("Verification", findings, output)
        if not healthy(findings):
            ctx.exit(EXIT_FAILURE)

    return verify


async def examine(
    session: Session, role: Role, namespace: str, ready_url: str, *, require_placement: bool
) -> list[Finding]:
    """Every check, in order; one that cannot be made is a finding of its own."""
    from policloud.cli.trial import trial  # noqa: PLC0415 - loads the solver

    checks: tuple[tuple[str, Callable[[], Awaitable[list[Finding]]]], ...] = (
        ("Readiness", lambda: readiness(ready_url)),
        ("Requirements", lambda: requirements(session, role, namespace)),
        ("Placement", lambda: trial(session, role, require=require_placement)),
    )
    findings: list[Finding] = []
    for title, check in checks:
        try:
            findings += await check()
        except ApiError as error:
            fix = "look whether the API server answers and this account may read it"
            findings.append(Finding(title, Level.FAIL, error.message, fix))
    return findings


async def readiness(url: str) -> list[Finding]:
    """What the running process says of itself."""
    status, text = await asyncio.to_thread(_fetch, url)
    if status == _OK:
        return [Finding("Readiness", Level.OK, f"{url} says {text.strip() or 'ok'}")]
    if status is None:
        fix = "does the process run? Its log says why not; --ready-url names another address"
        return [Finding("Readiness", Level.FAIL, f"{url} does not answer: {text}", fix)]
    reasons = [line for line in text.splitlines() if line] or [f"answers {status}"]
    fix = "mend what it names; it becomes ready by itself"
    return [Finding("Readiness", Level.FAIL, reason, fix) for reason in reasons]


def _fetch(url: str) -> tuple[int | None, str]:
    """(HTTP status, text), or (None, why there is no answer)."""
    try:
        with urllib.request.urlopen(url, timeout=_HTTP_SECONDS) as answer:  # noqa: S310 - the caller's own address
            return answer.status, answer.read(_MAX_BODY).decode(errors="replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read(_MAX_BODY).decode(errors="replace")
    except (OSError, ValueError) as error:
        return None, str(getattr(error, "reason", error))


async def requirements(session: Session, role: Role, namespace: str) -> list[Finding]:
    """The same questions that the process asks itself."""
    from policloud.adapters.requirements import (  # noqa: PLC0415 - loads the client
        Asked,
        Requirement,
        needs_of,
        unmet_foundations,
        unmet_rights,
    )

    needs = needs_of(role, namespace)
    asked = cast(Asked, session.cluster)
    unmet = [*await unmet_foundations(asked, needs), *await unmet_rights(asked, needs)]
    good: dict[Any, str] = {
        Requirement.KUBERNETES: "recent enough",
        Requirement.DEFINITIONS: f"{len(needs.kinds)} kinds installed, of this release or a later one",
        Requirement.PERMISSIONS: f"all {len(needs.rights)} rights of policloud-{role} are there",
    }
    missing = {u.requirement for u in unmet}
    found = [Finding(str(r), Level.OK, text) for r, text in good.items() if r not in missing]
    return [*found, *(Finding(str(u.requirement), Level.FAIL, u.message, u.fix) for u in unmet)]
