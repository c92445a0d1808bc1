"""Completion: of the shells for `policloud`, and of kubectl for `kubectl policloud` (KEP-2379)."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click
from click.shell_completion import CompletionItem, ShellComplete, get_completion_class

SHELLS = ("bash", "zsh", "fish")
_NO_FILES = 4  # cobra's ShellCompDirectiveNoFileComp, which kubectl's own completion scripts understand
_DEFAULT = 0
_SECONDS = 3.0


@click.command(short_help="Print the completion script of a shell.")
@click.argument("shell", type=click.Choice(SHELLS))
def command(*, shell: str) -> None:
    """Print the completion script of a shell.

    bash: source <(policloud completion bash). zsh: source <(policloud completion zsh).
    fish: policloud completion fish | source. `kubectl policloud` completes by itself once kubectl's does.
    """
    from policloud.cli.main import cli  # noqa: PLC0415 - main imports this module

    made = get_completion_class(shell)
    if made is None:
        raise click.UsageError(f"no completion for {shell!r}; there is: {', '.join(SHELLS)}")
    click.echo(made(cli, {}, "policloud", "_POLICLOUD_COMPLETE").source())


def complete_workloads(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """`NAMESPACE/NAME` of the cluster's workloads; nothing when it does not answer at once."""
    import asyncio  # noqa: PLC0415 - only when completing

    from policloud.api.resources import SOVEREIGN_WORKLOAD  # noqa: PLC0415
    from policloud.cli.common import Session, Target, run  # noqa: PLC0415
    from policloud.cli.fleet import key  # noqa: PLC0415

    del param
    given = ctx.params.get("kubeconfig")
    target = Target(kubeconfig=Path(given) if given else _kubeconfig(), context=ctx.params.get("context_name"))

    async def work(session: Session) -> list[str]:
        async with asyncio.timeout(_SECONDS):
            return [key(w) for w in (await session.cluster.list(SOVEREIGN_WORKLOAD)).items]

    try:
        names = run(target, work)
    except Exception:  # noqa: BLE001 - a completion must never print an error into the command line
        return []
    return [CompletionItem(n) for n in sorted(names) if n.startswith(incomplete)]


def _kubeconfig() -> Path | None:
    named = os.environ.get("KUBECONFIG")
    return Path(named) if named else None


def kubectl_lines(arguments: list[str]) -> list[str]:
    """What kubectl expects of `kubectl_complete-policloud ARGS…`: candidates, then `:<directive>`."""
    from policloud.cli.main import cli  # noqa: PLC0415 - main imports this module

    done, incomplete = (arguments[:-1], arguments[-1]) if arguments else ([], "")
    found = ShellComplete(cli, {}, "policloud", "_POLICLOUD_COMPLETE").get_completions(done, incomplete)
    lines = [f"{i.value}\t{i.help}" if i.help else str(i.value) for i in found if i.type == "plain"]
    files = any(i.type in {"file", "dir"} for i in found)
    return [*lines, f":{_DEFAULT if files else _NO_FILES}"]


def main() -> None:
    """Console script `kubectl_complete-policloud`."""
    sys.stdout.write("\n".join(kubectl_lines(sys.argv[1:])) + "\n")
