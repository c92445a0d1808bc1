"""`policloud hub invite NAME`: a join file for one site."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from pathlib import Path

import click

from policloud.api.joinfile import JoinFile
from policloud.cli.common import Session, process_target, run
from policloud.cli.errors import CliError

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours"}


def _duration(_ctx: click.Context, _param: click.Parameter, value: str) -> timedelta:
    """`30m`, `12h`, `600s`."""
    match = re.fullmatch(r"([0-9]{1,6})([smh])", value)
    if match is None:
        raise click.BadParameter(f"{value!r} is not a duration; write 30m, 12h or 600s")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


@click.command("invite")
@click.argument("name")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="File to write, readable by you alone.")
@click.option(
    "--ttl", callback=_duration, default="24h", metavar="DURATION", show_default=True, help="How long the code is good."
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(["join-file", "values"]),
    default="join-file",
    show_default=True,
    help="values: for `helm install policloud-site -f FILE`.",
)
@click.pass_context
def command(ctx: click.Context, *, name: str, out: Path | None, ttl: timedelta, format_: str) -> None:
    """Let the site NAME in: writes a join file to be carried to it and given to `policloud site --join-file`.

    With `--format values` it is the values file of the site's Helm chart instead.

    Makes the namespace site-NAME and, if there is none, its SiteMembership. The code in the file works once; a second
    invitation replaces the first.
    """
    target = process_target(ctx)
    file, note = run(target, lambda opened: _invite(opened, name, str(target.namespace), ttl))
    text = file.dump_values() if format_ == "values" else file.dump()
    if out is None:
        click.echo(text, nl=False)
        click.echo(f"# {note}", err=True)
        return
    _write(out, text)
    click.echo(f"{out}: {note}")


async def _invite(opened: Session, name: str, namespace: str, ttl: timedelta) -> tuple[JoinFile, str]:
    from policloud.hub.invite import InviteError, invite  # noqa: PLC0415 - loaded when used

    try:
        made = await invite(opened.cluster, opened.clock, name, namespace=namespace, ttl=ttl)
    except InviteError as error:
        raise CliError(error.message, fix=error.fix) from error
    facts = "; add attested facts to its SiteMembership, no unit gets offers without" if made.created else ""
    return made.file, f"invites {name} until {made.expires}, for one use{facts}"


def _write(path: Path, text: str) -> None:
    """Never readable by others, not even for a moment; an older file is replaced whole."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.unlink(missing_ok=True)
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(text)
        partial.replace(path)
    except OSError as error:
        raise CliError(f"cannot write {path}: {error.strerror}", fix="name another file with --out") from error
