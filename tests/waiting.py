"""Waiting for what a real process or server does: by its effect, never by a guess of how long it takes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


_POLL_SECONDS = 0.05


def until(
    look: Callable[[], Found],
    what: str,
    seconds: float = 30.0,
    seen: Callable[[], object] | None = None,
    *,
    slowest: float = _POLL_SECONDS,
) -> Found:
    """What `look` finds once that is true. AssertionError says `what` was waited for, and what was `seen` instead.

    `slowest`: longest pause between two looks, towards which they slow down; for a look that costs something.
    """
    end, pause, nothing = time.monotonic() + seconds, _POLL_SECONDS, threading.Event()
    while True:
        if found := look():
            return found
        if time.monotonic() > end:
            instead = f"; seen: {seen()}" if seen else ""
            raise AssertionError(f"not within {seconds:g} s: {what}{instead}")
        nothing.wait(pause)
        pause = min(1.2 * pause, slowest)
