"""Progress on stderr: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as RichProgress

Advance = Callable[[float], None]
_PLAIN_LINE_SECONDS = 15.0


class Progress(Protocol):
    def say(self, text: str) -> None: ...

    def bar(self, title: str, *, total: float) -> contextlib.AbstractContextManager[Advance]:
        """A bar that the callable it yields moves on; full when the block ends without an error."""
        ...


class _Bars:
    def __init__(self, rich: RichProgress) -> None:
        self._rich = rich

    def say(self, text: str) -> None:
        self._rich.console.print(text, highlight=False)

    @contextlib.contextmanager
    def bar(self, title: str, *, total: float) -> Iterator[Advance]:
        task = self._rich.add_task(title, total=max(total, 1))
        yield lambda steps: self._rich.advance(task, steps)
        self._rich.update(task, completed=max(total, 1))


class _Lines:
    """For logs of CI: one line at the start, one every quarter of a minute, one at the end."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def say(self, text: str) -> None:
        with self._lock:
            sys.stderr.write(text + "\n")
            sys.stderr.flush()

    @contextlib.contextmanager
    def bar(self, title: str, *, total: float) -> Iterator[Advance]:
        begin = said = time.monotonic()
        done = 0.0

        def advance(steps: float) -> None:
            nonlocal done, said
            done += steps
            if time.monotonic() - said > _PLAIN_LINE_SECONDS:
                said = time.monotonic()
                self.say(f"  {title}: {min(99, round(100 * done / max(total, 1)))} %")

        yield advance
        self.say(f"  {title}: done in {time.monotonic() - begin:.1f} s")


@contextlib.contextmanager
def progress_on_stderr() -> Iterator[Progress]:
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines()
        return
    columns = (TextColumn("{task.description:<34}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with RichProgress(*columns, console=console) as rich:
        yield _Bars(rich)
