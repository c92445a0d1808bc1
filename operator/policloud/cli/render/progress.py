"""A spinner on standard error for what takes longer than two seconds; silence elsewhere."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

PATIENCE_SECONDS = 2.0


@contextmanager
def spinner(text: str, *, quiet: bool = False) -> Iterator[None]:
    """Shows `text` once the block has run for two seconds, on a terminal only."""
    if quiet or not sys.stderr.isatty():
        yield
        return
    status = Console(stderr=True).status(text)
    timer = threading.Timer(PATIENCE_SECONDS, status.start)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        status.stop()
