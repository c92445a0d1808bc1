"""`policloud hub guard`, `policloud site guard`: may this be uninstalled? The chart asks before it deletes anything."""

from __future__ import annotations

from typing import Final

import click

from policloud.api.rights import Role
from policloud.cli.checks import Finding, Level
from policloud.cli.common import Session, process_target, run
from policloud.cli.errors import EXIT_FAILURE
from policloud.cli.render.documents import emit
from policloud.cli.render.findings import as_document, healthy, show_findings

_SHOWN: Final = 20
_GO_ON: Final[dict[Role, str]] = {
    "hub": (
        "To end the work first: run the commands above and wait until the objects are gone.\n"
        "To take only the hub away, while sites keep everything running (a hub of the same ID adopts it later):\n"
        "  helm uninstall RELEASE --no-hooks"
    ),
    "site": (
        "To end the work first: run the commands above and wait until the objects are gone.\n"
        "To take only the operator away, while pods keep running (it adopts them when installed again):\n"
        "  helm uninstall RELEASE --no-hooks"
    ),
}


def command(role: Role) -> click.Command:
    """The command `guard` of that process."""

    @click.command("guard", short_help="Refuse to be uninstalled while that would strand work.")
    @click.option("-o", "--output", type=click.Choice(["table", "json", "yaml"]), default="table", show_default=True)
    @click.pass_context
    def guard(ctx: click.Context, *, output: str) -> None:
        """Name what uninstalling would strand, and the commands to go on with. Deletes nothing.

        Exits with 1 if something would be stranded: work that runs, promises to a hub, objects that only the running
        process can let go of. Warnings are left over and harmless.
        """
        target = process_target(ctx)

        async def work(session: Session) -> list[Finding]:
            from policloud.cli.stranded import stranded  # noqa: PLC0415 - loads reconcilers

            return await stranded(session.cluster, role, target.namespace or "")

        findings = run(target, work)
        tell(role, findings, output)
        if not healthy(findings):
            ctx.exit(EXIT_FAILURE)

    return guard


def tell(role: Role, findings: list[Finding], output: str) -> None:
    """All of it for programs; for people the first lines, and how to go on."""
    if output != "table":
        emit(output, as_document("UninstallGuard", findings))
        return
    if not findings:
        click.echo(f"nothing would be stranded: the {role} may be uninstalled")
        return
    show_findings("UninstallGuard", findings[:_SHOWN], output)
    if len(findings) > _SHOWN:
        click.echo(f"… and {len(findings) - _SHOWN} more; -o json tells all")
    if not healthy(findings):
        count = sum(f.level is Level.FAIL for f in findings)
        click.echo(f"\nuninstalling the {role} now would strand {count}.\n{_GO_ON[role]}")
