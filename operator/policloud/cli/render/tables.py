"""Aligned tables in kubectl's manner, with colours where a person looks and none where a program reads."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import IO, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

GOOD, BAD, WAITING, FAINT = "green", "red", "yellow", "dim"
_UNBOUNDED = 10_000  # columns: a pipe has no width, so nothing may be cut or wrapped


@dataclass(frozen=True, slots=True)
class Column:
    title: str
    right: bool = False
    wide: bool = False  # only with -o wide


Cell = str | Text


def console(file: IO[Any] | None = None) -> Console:
    """A terminal gets colours and its own width; a file or pipe gets plain text without a width."""
    out = file or sys.stdout
    if out.isatty() and "NO_COLOR" not in os.environ:
        return Console(file=out, highlight=False)
    width = None if out.isatty() else _UNBOUNDED
    return Console(file=out, highlight=False, no_color=True, color_system=None, width=width)


def table(columns: Sequence[Column], rows: Iterable[Sequence[Cell]], *, wide: bool = False, title: str = "") -> Table:
    """A borderless table; every row has one cell for each of `columns`, also the wide ones."""
    shown = [i for i, c in enumerate(columns) if wide or not c.wide]
    result = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), title=title or None, title_justify="left")
    for i in shown:
        right = columns[i].right
        result.add_column(columns[i].title, justify="right" if right else "left", no_wrap=True, header_style="bold")
    for row in rows:
        result.add_row(*(row[i] for i in shown))
    return result


def ready_cell(status: str) -> Text:
    """True, False or Unknown in its colour."""
    return Text(status, style={"True": GOOD, "False": BAD}.get(status, WAITING))


def faint(text: str) -> Text:
    return Text(text, style=FAINT)


def plain(renderable: object) -> str:
    """What a pipe would get: for tests and for reports. Trailing blanks are cut."""
    out = io.StringIO()
    console(out).print(renderable)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def show(renderable: object) -> None:
    """To standard output; without a terminal the trailing blanks of aligned columns are cut."""
    if sys.stdout.isatty():
        console().print(renderable)
    else:
        sys.stdout.write(plain(renderable))
