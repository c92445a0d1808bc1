"""`policloud local demo`: one hub, up to eight sites, six scenes, each expectation checked on the API servers."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from policloud.cli.errors import EXIT_FAILURE, CliError

if TYPE_CHECKING:
    from policloud.testing.local import Federation

MOST_SITES = 8


@click.command("demo", short_help="One hub and eight sites on this machine, six scenes, each checked.")
@click.option(
    "--dir",
    "root",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("build/demo"),
    show_default=True,
    help="Where report.json and the federation's files go.",
)
@click.option(
    "--sites", type=click.IntRange(2, MOST_SITES), default=MOST_SITES, show_default=True, help="A smaller stage."
)
@click.option("--keep", is_flag=True, help="Leave it running, and print kubeconfigs and commands to try.")
def command(*, root: Path, sites: int, keep: bool) -> None:
    """One hub and eight sites on this machine, six scenes, each checked on the API servers.

    Liveness and notices run at a tenth of their defaults. Exits with 0 only if every expectation holds; report.json
    says what was checked. Nothing is left running, also after Ctrl-C or kill -9, unless --keep is given.
    """
    from policloud.cli.render.tables import console as make_console  # noqa: PLC0415 - loaded when used
    from policloud.testing.controlplane import ControlPlaneError  # noqa: PLC0415
    from policloud.testing.demo.run import play, raise_federation  # noqa: PLC0415
    from policloud.testing.local import LocalError  # noqa: PLC0415

    console = make_console()
    begun = time.monotonic()
    try:
        federation = raise_federation(root, sites=sites, keep=keep)
        with _taken_down(federation) as kept:
            timeline = federation.up()
            console.print(f"\nOne hub and {sites} sites are up after {timeline.seconds():.0f} s.")
            result = play(federation, root, console, begun)
            kept.append(keep)
    except (LocalError, ControlPlaneError) as error:
        raise CliError(str(error), fix=f"logs: {root / 'federation'}") from error
    console.print(f"\nreport: {result.report}, {time.monotonic() - begun:.0f} s in all")
    if keep:
        console.print(how_to_go_on(federation, root))
    click.get_current_context().exit(0 if result.ok else EXIT_FAILURE)


@contextlib.contextmanager
def _taken_down(federation: Federation) -> Iterator[list[bool]]:
    """Whatever ends the block, the federation goes down, unless the list it yields says to keep it."""
    keep: list[bool] = []
    with _signals_raise():
        try:
            yield keep
        finally:
            if not any(keep):
                with _signals_ignored():
                    federation.down()


@contextlib.contextmanager
def _signals_raise() -> Iterator[None]:
    """SIGTERM and SIGHUP end the block as Ctrl-C does, so that what follows tidies up."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    with _handling(stop, signal.SIGTERM, signal.SIGHUP):
        yield


@contextlib.contextmanager
def _signals_ignored() -> Iterator[None]:
    """A second Ctrl-C must not leave half of the processes behind; each is given a few seconds, then killed."""
    with _handling(signal.SIG_IGN, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        yield


@contextlib.contextmanager
def _handling(handler: object, *numbers: signal.Signals) -> Iterator[None]:
    before = {n: signal.signal(n, handler) for n in numbers}  # type: ignore[arg-type]
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def how_to_go_on(federation: Federation, root: Path) -> str:
    """Kubeconfigs, commands to try, and how to end it."""
    hub = federation.kubeconfig("hub")
    sites = federation.state.sites
    lines = [
        "",
        "It is still running. Kubeconfigs:",
        f"  hub        {hub}",
        *(f"  {name:<10} {federation.kubeconfig(name)}" for name in sites),
        "Try:",
        f"  export KUBECONFIG={hub}",
        "  policloud top --watch",
        "  policloud why prefecture/classified-archive",
        "  policloud plan -f samples/workloads/deed-ocr.yaml",
        f"  policloud tree --kubeconfig {federation.kubeconfig(sites[0])} --all",
        "  kubectl get swl -A -o wide",
        f"  policloud local stop link:{sites[-1]} --dir {root / 'federation'}",
        "End it:",
        f"  policloud local down --dir {root / 'federation'}",
    ]
    return "\n".join(lines)
