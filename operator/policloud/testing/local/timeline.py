"""Where the time of a start goes."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import defaultdict
from collections.abc import Iterator


class Timeline:
    """Steps run in several threads at once: for each the first beginning, the last end and the sum."""

    def __init__(self) -> None:
        self._zero = time.monotonic()
        self._spans: dict[str, list[tuple[float, float]]] = defaultdict(list)
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        begin = time.monotonic() - self._zero
        try:
            yield
        finally:
            with self._lock:
                self._spans[name].append((begin, time.monotonic() - self._zero))

    def seconds(self) -> float:
        return time.monotonic() - self._zero

    def rows(self) -> list[tuple[str, int, float, float, float]]:
        """(step, how often, first beginning, last end, mean length), by beginning; seconds."""
        with self._lock:
            spans = dict(self._spans)
        rows = [
            (
                name,
                len(entries),
                min(begin for begin, _ in entries),
                max(end for _, end in entries),
                sum(end - begin for begin, end in entries) / len(entries),
            )
            for name, entries in spans.items()
        ]
        return sorted(rows, key=lambda row: row[2])
