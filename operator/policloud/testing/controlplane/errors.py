"""The one exception of this package; its text is meant to be shown as it is."""

from __future__ import annotations

from pathlib import Path


class ControlPlaneError(Exception):
    """A program is missing, did not build, did not start or stopped. The text says what to do."""


def last_lines(log: Path, count: int = 12) -> str:
    """The end of a log, indented, for an error's text; says so if there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 16_384))
            lines = file.read().decode(errors="replace").splitlines()[-count:]
    except OSError:
        lines = []
    if not lines:
        return f"  ({log} is empty)"
    return "\n".join([f"  last lines of {log}:", *(f"    {line[:400]}" for line in lines)])
