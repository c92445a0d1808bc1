"""`policloud site`: the process of one site; its subcommands check an installation and guard its end."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from policloud.cli import guard, verify
from policloud.cli.errors import CliError


@click.group("site", invoke_without_command=True)
@click.option(
    "--kubeconfig",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The site's own cluster. Default: the pod's service account.",
)
@click.option("--context", "context_name", help="Context of the kubeconfig. Default: its current one.")
@click.option("--namespace", default="policloud-system", show_default=True, help="The site's system namespace.")
@click.option("--site-name", help='Name in status.placements. Default: the membership once joined, else "local".')
@click.option(
    "--join-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Written by `policloud hub invite`: joins this site to a hub. Without: complete alone.",
)
@click.option("--hub-proxy", metavar="URL", help="HTTP proxy through which the hub is reached. Default: none.")
@click.option(
    "--probe-listen", default="127.0.0.1:8081", show_default=True, help="Address of healthz, readyz, metrics."
)
@click.option(
    "--trace-directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="Where relative trace files of simulated meters lie. Default: the working directory.",
)
@click.option(
    "--time-scale", type=click.FloatRange(0.001, 100), default=1.0, show_default=True, help="0.1: waits take a tenth."
)
@click.option("--with-hub", is_flag=True, help="A hub runs on this cluster too; its workloads are left to it.")
@click.option("--log-format", type=click.Choice(["json", "text"]), default="text", show_default=True)
@click.pass_context
def command(
    ctx: click.Context,
    *,
    kubeconfig: Path | None,
    context_name: str | None,
    namespace: str,
    site_name: str | None,
    join_file: Path | None,
    hub_proxy: str | None,
    probe_listen: str,
    trace_directory: Path,
    time_scale: float,
    with_hub: bool,
    log_format: Literal["json", "text"],
) -> None:
    """Run one site: its units, energy sources and workloads, and its line to a hub if it is joined to one.

    Runs until SIGTERM. What runs on the cluster goes on without this process.
    """
    ctx.obj = {"kubeconfig": kubeconfig, "context": context_name, "namespace": namespace}
    if ctx.invoked_subcommand is not None:
        return
    from policloud.site.settings import SiteSettings  # noqa: PLC0415 - loaded when used

    ctx.exit(
        _run(
            SiteSettings(
                kubeconfig=kubeconfig,
                context=context_name,
                namespace=namespace,
                site_name=site_name or "local",
                join_file=join_file,
                probe_listen=probe_listen,
                time_scale=time_scale,
                log_format=log_format,
                trace_directory=trace_directory,
                with_hub=with_hub,
                hub_proxy=hub_proxy,
            )
        )
    )


command.add_command(verify.command("site"))
command.add_command(guard.command("site"))


def _run(settings: object) -> int:
    from policloud.adapters.kube.connection import ConnectionConfigError  # noqa: PLC0415 - loaded when used
    from policloud.adapters.logs import configure  # noqa: PLC0415
    from policloud.adapters.probe import ListenError  # noqa: PLC0415
    from policloud.site.run import build  # noqa: PLC0415
    from policloud.site.settings import SiteSettings  # noqa: PLC0415

    assert isinstance(settings, SiteSettings)  # noqa: S101 - narrows the type
    configure(settings.log_format)
    try:
        return build(settings)[1].run()
    except ConnectionConfigError as error:
        raise CliError(str(error), fix="name the site's cluster with --kubeconfig FILE") from error
    except ListenError as error:
        raise CliError(str(error), fix="choose another address with --probe-listen HOST:PORT") from error
