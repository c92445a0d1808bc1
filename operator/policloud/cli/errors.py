"""Errors that people see: what is wrong and what to do. Never a traceback unless `--debug`."""

from __future__ import annotations

import sys
from typing import IO, Any

import click

from policloud.ports import (
    ApiError,
    ConflictError,
    NotFoundError,
    RejectedError,
    TransientError,
    UnauthenticatedError,
)

EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_NOT_PLACED = 3
EXIT_INTERRUPTED = 130


class CliError(click.ClickException):
    """Something the person at the keyboard can act on. Shown as `error: …` and `fix: …`; exits with 1."""

    exit_code = EXIT_FAILURE

    def __init__(self, message: str, *, fix: str = "") -> None:
        super().__init__(message)
        self.fix = fix

    def show(self, file: IO[Any] | None = None) -> None:
        out = file or sys.stderr
        click.echo(f"error: {self.message}", file=out)
        if self.fix:
            click.echo(f"  fix: {self.fix}", file=out)


def from_api(error: ApiError, *, server: str = "the API server") -> CliError:
    """The words for what an API server answered (or did not)."""
    if isinstance(error, TransientError):
        return CliError(
            f"{server} cannot be reached: {error.message}",
            fix="check that the cluster runs and that --kubeconfig, --context or KUBECONFIG name the right one",
        )
    if isinstance(error, UnauthenticatedError):
        return CliError(
            f"{server} does not accept this credential: {error.message}",
            fix="take a fresh kubeconfig, or log in again with the tool that made it",
        )
    if isinstance(error, NotFoundError) and error.missing_kind:
        return CliError(
            f"{server} does not know this kind: {error.message}",
            fix="install the CRDs: kubectl apply --server-side -f crds/ (policloud doctor checks them)",
        )
    if isinstance(error, RejectedError) and error.status == 403:  # noqa: PLR2004 - the HTTP status
        return CliError(
            f"not permitted: {error.message}",
            fix="ask for the verb and resource named above; policloud doctor lists every right that is missing",
        )
    if isinstance(error, ConflictError):
        return CliError(f"the object changed meanwhile: {error.message}", fix="run the command again")
    return CliError(error.message)
