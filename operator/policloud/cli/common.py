"""What every verb that talks to a cluster shares: its options, its connection, its output."""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from policloud.api.names import SYSTEM_NAMESPACE
from policloud.cli.errors import CliError, from_api
from policloud.ports import ApiError, Clock, Cluster

T = TypeVar("T")
OUTPUTS = ("table", "wide", "json", "yaml", "name")
CALL_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Target:
    """Which cluster, which namespaces, and how to print."""

    kubeconfig: Path | None = None
    context: str | None = None
    namespace: str | None = None
    all_namespaces: bool = False
    output: str = "table"

    @property
    def wide(self) -> bool:
        return self.output == "wide"

    @property
    def machine(self) -> bool:
        """The output is for a program: no colours, no progress, no prose."""
        return self.output in {"json", "yaml", "name"}


@dataclass(frozen=True, slots=True)
class Session:
    """An open connection, with the names that messages use."""

    cluster: Cluster
    server: str
    default_namespace: str  # of the kubeconfig's context
    clock: Clock


Connect = Callable[[Target], AbstractAsyncContextManager[Session]]


def cluster_options(
    *, namespaced: bool = True, outputs: tuple[str, ...] = OUTPUTS
) -> Callable[[Callable[..., Any]], Any]:
    """Adds `--kubeconfig --context [-n -A] -o` and passes them as one `target`."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapper(**kwargs: Any) -> Any:
            target = Target(
                kubeconfig=kwargs.pop("kubeconfig"),
                context=kwargs.pop("context_name"),
                namespace=kwargs.pop("namespace", None),
                all_namespaces=kwargs.pop("all_namespaces", False),
                output=kwargs.pop("output"),
            )
            return function(target=target, **kwargs)

        wrapped: Callable[..., Any] = wrapper
        for option in reversed(_options(namespaced=namespaced, outputs=outputs)):
            wrapped = option(wrapped)
        return wrapped

    return decorate


def _options(*, namespaced: bool, outputs: tuple[str, ...]) -> list[Callable[[Callable[..., Any]], Callable[..., Any]]]:
    options: list[Callable[[Callable[..., Any]], Callable[..., Any]]] = [
        click.option(
            "--kubeconfig",
            type=click.Path(dir_okay=False, path_type=Path),
            envvar="KUBECONFIG",
            help="Kubeconfig file. Default: KUBECONFIG, ~/.kube/config, or the pod's own account.",
        ),
        click.option("--context", "context_name", help="Context of the kubeconfig. Default: its current one."),
        click.option(
            "-o", "--output", type=click.Choice(outputs), default=outputs[0], show_default=True, help="How to print."
        ),
    ]
    if namespaced:
        options[2:2] = [
            click.option("-n", "--namespace", help="Namespace. Default: that of the context."),
            click.option("-A", "--all-namespaces", is_flag=True, help="Every namespace."),
        ]
    return options


def run(target: Target, work: Callable[[Session], Awaitable[T]]) -> T:
    """Opens the cluster, runs `work`, and turns API errors into messages.

    A test puts its own connection into the click context: `CliRunner().invoke(cli, […], obj=connect)`.
    """
    context = click.get_current_context(silent=True)
    connect: Connect = context.obj if context is not None and callable(context.obj) else connect_http

    async def inner() -> T:
        async with connect(target) as session:
            try:
                return await work(session)
            except ApiError as error:
                raise from_api(error, server=session.server) from error

    return asyncio.run(inner())


@asynccontextmanager
async def connect_http(target: Target) -> AsyncIterator[Session]:
    """The real thing. Imported late: aiohttp costs a fifth of a second that `--help` need not pay."""
    from policloud.adapters.clock import SystemClock  # noqa: PLC0415
    from policloud.adapters.kube.client import HttpCluster  # noqa: PLC0415
    from policloud.adapters.kube.connection import Connection, ConnectionConfigError  # noqa: PLC0415

    path = kubeconfig_path(target)
    try:
        connection = Connection.from_kubeconfig(path, target.context) if path else Connection.in_cluster()
    except (OSError, ConnectionConfigError) as error:
        raise CliError(
            f"no usable cluster in {path or 'this environment'}: {error}",
            fix="name a kubeconfig with --kubeconfig FILE or KUBECONFIG, and a context it holds with --context",
        ) from error
    cluster = HttpCluster(connection, user_agent="policloud-cli")
    try:
        yield Session(cluster, connection.server, connection.namespace or "default", SystemClock())
    finally:
        await cluster.close()


def kubeconfig_path(target: Target) -> Path | None:
    """The kubeconfig to use; None inside a pod that has none. CliError if a named one is missing."""
    if target.kubeconfig is not None:
        path = Path(str(target.kubeconfig).split(":")[0]).expanduser()
        if not path.is_file():
            raise CliError(
                f"kubeconfig {path} does not exist", fix="give the path of an existing file with --kubeconfig FILE"
            )
        return path
    home = _home_config()
    if home is not None and home.is_file():
        return home
    if Path("/var/run/secrets/kubernetes.io/serviceaccount/token").is_file():
        return None
    raise CliError(
        "no cluster is named: KUBECONFIG is not set and ~/.kube/config does not exist",
        fix="use --kubeconfig FILE; for a federation on this machine: policloud local up --dir DIR",
    )


def _home_config() -> Path | None:
    """None for a user without a home, as in a container."""
    try:
        return Path.home() / ".kube" / "config"
    except RuntimeError:
        return None


def process_target(ctx: click.Context) -> Target:
    """What the options of `policloud hub` or `policloud site` name, for one of its subcommands.

    The process itself never reads KUBECONFIG; a person who types a subcommand expects it.
    """
    given = ctx.obj if isinstance(ctx.obj, dict) else {}
    path = given.get("kubeconfig") or os.environ.get("KUBECONFIG") or None
    return Target(
        kubeconfig=Path(path) if path else None,
        context=given.get("context"),
        namespace=str(given.get("namespace") or SYSTEM_NAMESPACE),
    )


def split_name(reference: str, target: Target, session: Session) -> tuple[str, str]:
    """`NAMESPACE/NAME`, or a bare name in the namespace of `-n` or the context."""
    namespace, slash, name = reference.rpartition("/")
    if slash and (not namespace or not name or "/" in namespace):
        raise CliError(
            f"{reference!r} is not NAMESPACE/NAME", fix="for example: policloud why sante-06/triage-assistant"
        )
    return (namespace or target.namespace or session.default_namespace), name
