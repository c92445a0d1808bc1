"""`policloud hub`: the hub's process; its subcommands let a site in, check an installation, guard its end."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from policloud.cli import guard, invite, verify
from policloud.cli.errors import CliError

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.group("hub", invoke_without_command=True)
@click.option("--kubeconfig", type=_FILE, help="The hub's cluster. Default: the pod's service account.")
@click.option("--context", "context_name", help="Context of the kubeconfig. Default: its current one.")
@click.option("--hub-id", help="This hub's name in offers and mandates, e.g. policloud-eu. Never change it.")
@click.option("--namespace", default="policloud-system", show_default=True, help="The hub's system namespace.")
@click.option("--api-url", default="", help="URL of the hub's API server, as sites reach it.")
@click.option("--identity-url", default="", help="URL of the identity endpoint, as sites reach it.")
@click.option("--identity-listen", default="127.0.0.1:8443", show_default=True, help="Address it is served on.")
@click.option("--identity-tls-cert", type=_FILE, help="Its certificate, PEM; read again when it changes.")
@click.option("--identity-tls-key", type=_FILE, help="Its private key, PEM.")
@click.option("--identity-ca", type=_FILE, help="CA of that certificate, if it is not the API server's.")
@click.option(
    "--probe-listen", default="127.0.0.1:8080", show_default=True, help="Address of healthz, readyz, metrics."
)
@click.option(
    "--time-scale", type=click.FloatRange(0.001, 100), default=1.0, show_default=True, help="0.1: waits take a tenth."
)
@click.option("--with-site", is_flag=True, help="A site runs on this cluster too; work labelled local is left to it.")
@click.option("--no-leader-election", is_flag=True, help="Only where there is never a second replica.")
@click.option("--log-format", type=click.Choice(["json", "text"]), default="text", show_default=True)
@click.pass_context
def command(
    ctx: click.Context,
    *,
    kubeconfig: Path | None,
    context_name: str | None,
    hub_id: str | None,
    namespace: str,
    api_url: str,
    identity_url: str,
    identity_listen: str,
    identity_tls_cert: Path | None,
    identity_tls_key: Path | None,
    identity_ca: Path | None,
    probe_listen: str,
    time_scale: float,
    with_site: bool,
    no_leader_election: bool,
    log_format: Literal["json", "text"],
) -> None:
    """Run the hub: placement, offers, membership, and the endpoint at which sites get their tokens.

    Runs until SIGTERM; of several replicas one leads. Sites go on without it.
    """
    ctx.obj = {"kubeconfig": kubeconfig, "context": context_name, "namespace": namespace}
    if ctx.invoked_subcommand is not None:
        return
    if not hub_id:
        raise CliError("a hub needs its name", fix="give --hub-id, e.g. --hub-id policloud-eu")
    if (identity_tls_cert is None) != (identity_tls_key is None):
        raise CliError("certificate and key go together", fix="give both --identity-tls-cert and --identity-tls-key")
    from policloud.hub.settings import HubSettings  # noqa: PLC0415 - loaded when used

    ctx.exit(
        _run(
            HubSettings(
                hub_id=hub_id,
                kubeconfig=kubeconfig,
                context=context_name,
                namespace=namespace,
                api_url=api_url,
                identity_url=identity_url,
                identity_listen=identity_listen,
                identity_certificate=identity_tls_cert,
                identity_key=identity_tls_key,
                identity_ca=identity_ca,
                probe_listen=probe_listen,
                time_scale=time_scale,
                leader_election=not no_leader_election,
                with_site=with_site,
                log_format=log_format,
            )
        )
    )


command.add_command(invite.command)
command.add_command(verify.command("hub"))
command.add_command(guard.command("hub"))


def _run(settings: object) -> int:
    from policloud.adapters.kube.connection import ConnectionConfigError  # noqa: PLC0415
    from policloud.adapters.logs import configure  # noqa: PLC0415
    from policloud.adapters.probe import ListenError  # noqa: PLC0415
    from policloud.hub.settings import HubSettings  # noqa: PLC0415
    from policloud.hub.wiring import assemble, operator  # noqa: PLC0415

    assert isinstance(settings, HubSettings)  # noqa: S101 - narrows the type
    configure(settings.log_format)
    try:
        return operator(assemble(settings)).run()
    except ConnectionConfigError as error:
        raise CliError(str(error), fix="name the hub's cluster with --kubeconfig FILE") from error
    except ListenError as error:
        raise CliError(str(error), fix="choose another address with --probe-listen HOST:PORT") from error
