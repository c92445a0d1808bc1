"""`policloud`, also as `kubectl policloud`: one verb a module, loaded only when it is used."""

from __future__ import annotations

import importlib
import os
import signal
import sys
from pathlib import Path
from typing import Any, NoReturn

import click
from click.shell_completion import CompletionItem

from policloud import __version__
from policloud.cli.errors import EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_USAGE

# name -> short help; the module is policloud.cli.<name> and holds `command`. Shown without importing any of them.
VERBS: dict[str, str] = {
    "completion": "Print the completion script of a shell.",
    "doctor": "Check this cluster and say how to repair what is wrong.",
    "hub": "Run the hub's process; `hub invite` lets a site in.",
    "local": "Federations of real API servers on this machine; `local demo` shows one.",
    "plan": "Where would a manifest run, why not elsewhere, at what price? Changes nothing.",
    "site": "Run the process of one site.",
    "top": "Watts, GPUs and carbon of units; place and state of workloads.",
    "tree": "The fleet, a site, a unit or a workload with what belongs to it.",
    "why": "Why a workload runs where it does, and why not elsewhere.",
}


class LazyGroup(click.Group):
    """Verbs are imported when called, so that `--help` and completion answer at once."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*VERBS, *super().list_commands(ctx)})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return super().get_command(ctx, cmd_name)
        module = importlib.import_module(f"policloud.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Verbs by their names here: completing must not import all of them."""
        options = click.Command.shell_complete(self, ctx, incomplete)
        return [*(CompletionItem(v, help=h) for v, h in sorted(VERBS.items()) if v.startswith(incomplete)), *options]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, VERBS[name]) for name in self.list_commands(ctx) if name in VERBS])


@click.group(
    cls=LazyGroup,
    context_settings={
        "help_option_names": ["-h", "--help"],
        "auto_envvar_prefix": "POLICLOUD",
        "max_content_width": 110,
    },
)
@click.version_option(__version__, prog_name="policloud")
@click.option("--debug", is_flag=True, help="Show the traceback of an unexpected error.")
def cli(*, debug: bool) -> None:
    """Sovereign micro-clouds: GPUs and watts under local governance, federated by offers.

    Exit codes: 0 done, 1 failed or a check did not hold, 2 wrong usage, 3 `plan`: it would not run in full.
    """
    if debug:
        click.get_current_context().meta["policloud.debug"] = True


def program_name(argv0: str) -> str:
    """What usage texts call us: kubectl starts plugins by their file name."""
    return "kubectl policloud" if Path(argv0).name.startswith("kubectl-policloud") else "policloud"


def main() -> NoReturn:
    """Console script. Turns whatever happens into one message and an exit code."""
    debug = "--debug" in sys.argv[1:]
    # `--debug` is understood at any position: people add it to the end of the command that failed.
    arguments = [a for a in sys.argv[1:] if a != "--debug"]
    try:
        result = cli.main(args=arguments, prog_name=program_name(sys.argv[0]), standalone_mode=False)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.UsageError as error:
        error.show()
        sys.exit(EXIT_USAGE)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped", err=True)
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        _die_of_sigpipe()
    except Exception as error:
        if debug:
            raise
        click.echo(f"error: unexpected {type(error).__name__}: {error}", err=True)
        click.echo("  fix: this is a fault of policloud; run again with --debug and report what it prints", err=True)
        sys.exit(EXIT_FAILURE)
    sys.exit(result if isinstance(result, int) else 0)


def _die_of_sigpipe() -> NoReturn:
    """The reader (head, less) has gone: end as any Unix tool would, without a message."""
    devnull: Any = os.open(os.devnull, os.O_WRONLY)
    os.dup2(devnull, sys.stdout.fileno())
    sys.exit(128 + signal.SIGPIPE)


if __name__ == "__main__":
    main()
