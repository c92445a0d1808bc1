"""Waiting for what a real process or server does: by its effect, never by a guess of how long it takes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def until(
    look: Callable[[], Found], what: str, seconds: float = 30.0, seen: Callable[[], object] | None = None
) -> Found:
    """What `look` finds once that is true. AssertionError says `what` was waited for, and what was `seen` instead."""
    end, pause = time.monotonic() + seconds, threading.Event()
    while True:
        if found := look():
            return found
        if time.monotonic() > end:
            instead = f"; seen: {seen()}" if seen else ""
            raise AssertionError(f"not within {seconds:g} s: {what}{instead}")
        pause.wait(0.05)
