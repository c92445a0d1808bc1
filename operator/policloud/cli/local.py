"""`policloud local`: federations of real API servers on this machine, all as processes, nothing in containers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from policloud.cli.demo import command as demo
from policloud.cli.errors import CliError

if TYPE_CHECKING:
    from policloud.testing.local import Federation
    from policloud.testing.local.timeline import Timeline

DEFAULT_DIR = Path("build/local")
_DIR = click.option(
    "--dir",
    "directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=DEFAULT_DIR,
    show_default=True,
    help="Where the federation lives.",
)


class _LocalGroup(click.Group):
    """Turns errors of local federations into errors that people see."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            from policloud.testing.controlplane import ControlPlaneError  # noqa: PLC0415 - loaded when used
        except ModuleNotFoundError as error:
            raise CliError(
                "the container image has no local federations",
                fix="install the wheel on a Linux machine, or run from a checkout: make demo",
            ) from error
        try:
            return super().invoke(ctx)
        except ControlPlaneError as error:
            raise CliError(str(error)) from error


@click.group("local", cls=_LocalGroup)
def command() -> None:
    """Run a hub and its sites on this machine: real API servers, schedulers and controllers, simulated GPU servers."""


@command.command("up")
@click.option(
    "--sites",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder with one folder a site (site.yaml, membership.yaml, nodes.yaml). Default: the seed fleet.",
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N sites.")
@click.option("--only", multiple=True, metavar="NAME", help="Only this site; may be given several times.")
@click.option(
    "--time-scale",
    type=click.FloatRange(0.001, 100),
    default=0.1,
    show_default=True,
    help="Waits of hub and sites, as a share of their defaults.",
)
@click.option("--audit", is_flag=True, help="API servers write audit logs (metadata only).")
@_DIR
def up(
    *, sites: Path | None, limit: int | None, only: tuple[str, ...], time_scale: float, audit: bool, directory: Path
) -> None:
    """Start a hub and its sites, join them, and return when units are Ready and sites Reachable.

    Everything goes on running when this command has ended; `policloud local down` ends it.
    """
    from policloud.testing.local import Federation  # noqa: PLC0415

    federation = Federation.create(
        directory, fleet=sites, limit=limit, only=only, attached=False, audit=audit, time_scale=time_scale
    )
    timeline = federation.up()
    _print_times(timeline)
    _print_next_steps(federation)


@command.command("status")
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", show_default=True)
@_DIR
def status(*, output: str, directory: Path) -> None:
    """Show every component: running or not, process, memory, log."""
    from policloud.testing.local import Federation  # noqa: PLC0415
    from policloud.testing.local.status import rows, shown_as_json, shown_as_table  # noqa: PLC0415

    found = rows(Federation.open(directory))
    click.echo(shown_as_json(found) if output == "json" else shown_as_table(found))
    if any(row.state == "died" for row in found):
        raise click.exceptions.Exit(1)


@command.command("logs")
@click.argument("name")
@click.option("-n", "--lines", type=click.IntRange(min=1), default=50, show_default=True, help="How many lines.")
@click.option("-f", "--follow", is_flag=True, help="Go on until Ctrl-C.")
@_DIR
def logs(*, name: str, lines: int, follow: bool, directory: Path) -> None:
    """Print the end of a component's log."""
    from policloud.testing.local import Federation  # noqa: PLC0415
    from policloud.testing.local.status import follow_file, tail  # noqa: PLC0415

    path = Federation.open(directory).log(name)
    if not path.exists():
        raise CliError(f"{name} has no log yet ({path})", fix="see what runs: policloud local status")
    click.echo("\n".join(tail(path, lines)))
    if follow:
        for line in follow_file(path):
            click.echo(line)


@command.command("stop")
@click.argument("name")
@_DIR
def stop(*, name: str, directory: Path) -> None:
    """Stop a component: hub, hub-apiserver, site:NAME, site-apiserver:NAME, link:NAME (the line to the hub)."""
    _federation(directory).stop(name)
    click.echo(f"{name} is stopped")


@command.command("start")
@click.argument("name")
@_DIR
def start(*, name: str, directory: Path) -> None:
    """Start a component again, with the same addresses and data."""
    _federation(directory).start(name)
    click.echo(f"{name} runs")


@command.command("down")
@_DIR
def down(*, directory: Path) -> None:
    """End every process of the federation. Its files stay for reading until the next `up` in the same directory."""
    _federation(directory).down()
    click.echo(f"down; logs and data stay in {directory}")


command.add_command(demo, "demo")


def _federation(directory: Path) -> Federation:
    from policloud.testing.local import Federation  # noqa: PLC0415

    return Federation.open(directory)


def _print_times(timeline: Timeline) -> None:
    click.echo(f"\nup in {timeline.seconds():.1f} s; where the time went (steps of several clusters overlap):")
    for name, count, begin, end, mean in timeline.rows():
        times = f"{count} × {mean:.1f} s" if count > 1 else f"{mean:.1f} s"
        click.echo(f"  {name:<32} {begin:6.1f} s to {end:6.1f} s   {times}")


def _print_next_steps(federation: Federation) -> None:
    layout, state = federation.layout, federation.state
    bin_folder = layout.root / "bin"
    click.echo(
        f"\n{len(state.sites)} sites: {', '.join(state.sites)}. Liveness, notices and other waits run at "
        f"{state.time_scale:g} of their defaults.\n"
        f"  export KUBECONFIG={layout.hub_kubeconfig} PATH={bin_folder}:$PATH\n"
        "  policloud tree\n"
        "  kubectl get policloudunits,sovereignworkloads -A\n"
        f"  KUBECONFIG={layout.kubeconfig(state.sites[0])} kubectl get nodes\n"
        f"  policloud local status --dir {layout.root}\n"
        f"  policloud local down --dir {layout.root}"
    )
