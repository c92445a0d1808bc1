"""Trace files: CSV with the header `time,watts`, read again whenever the file changes.

`time` is RFC 3339, or seconds after the moment the file was last modified, so that a rewritten file starts anew and
a restarted process goes on where it was. Rows ascend; each holds until the next.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from policloud.domain.energy.shapes import Trace, TraceRow
from policloud.ports import MeterError

_MAX_BYTES = 16 * 1024 * 1024
HEADER = ("time", "watts")


@dataclass(slots=True)
class TraceFile:
    """One file, parsed once a version (size, modification time, inode)."""

    path: Path
    loop: bool = False
    _version: tuple[int, int, int] | None = None
    _trace: Trace | None = None

    def trace(self) -> Trace:
        """The current content. MeterError TraceFileMissing or TraceFileInvalid, saying what to do."""
        try:
            stat = self.path.stat()
        except OSError as error:
            raise MeterError(
                "TraceFileMissing",
                f"trace file {self.path} cannot be read ({os.strerror(error.errno or 0)}): put a CSV file with the "
                f"header {','.join(HEADER)} there, or correct simulated.trace.file",
            ) from error
        version = (stat.st_size, stat.st_mtime_ns, stat.st_ino)
        if self._trace is None or version != self._version:
            self._trace = self._parse(stat)
            self._version = version
        return self._trace

    def _parse(self, stat: os.stat_result) -> Trace:
        if stat.st_size > _MAX_BYTES:
            raise self._invalid(f"has {stat.st_size} bytes; at most {_MAX_BYTES} are read")
        try:
            lines = self.path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise self._invalid(f"is not readable as UTF-8 text: {error}") from error
        modified = datetime.fromtimestamp(stat.st_mtime, UTC)
        rows: list[TraceRow] = []
        start = modified
        for number, when, watts in self._rows(lines):
            seconds, absolute = self._seconds(number, when, start if rows else None, modified)
            if absolute is not None and not rows:
                start = absolute
            if rows and seconds <= rows[-1].seconds:
                raise self._invalid(f"line {number}: time {when!r} does not come after the line before it")
            rows.append(TraceRow(seconds, watts))
        if not rows:
            raise self._invalid(
                f"line 2: no row; at least one such as 0,50000 must follow the header {','.join(HEADER)}"
            )
        return Trace(start, tuple(rows), self.loop)

    def _rows(self, lines: list[str]) -> Iterator[tuple[int, str, int]]:
        reader = csv.reader(lines)
        for row in reader:
            number, cells = reader.line_num, tuple(c.strip() for c in row)
            if number == 1:
                if cells != HEADER:
                    raise self._invalid(f"line 1: the header is {','.join(cells)!r} and must be {','.join(HEADER)!r}")
                continue
            if not any(cells) or cells[0].startswith("#"):
                continue
            if len(cells) != len(HEADER):
                raise self._invalid(f"line {number}: {len(cells)} columns where 2 are needed: {','.join(row)!r}")
            try:
                watts = int(cells[1])
            except ValueError:
                raise self._invalid(f"line {number}: watts {cells[1]!r} is not a whole number") from None
            yield number, cells[0], watts

    def _seconds(
        self, number: int, when: str, start: datetime | None, modified: datetime
    ) -> tuple[float, datetime | None]:
        """Seconds after the start, and the instant itself where the file gives instants."""
        try:
            return float(when), None
        except ValueError:
            pass
        try:
            moment = datetime.fromisoformat(when)
        except ValueError:
            raise self._invalid(
                f"line {number}: time {when!r} is neither seconds nor RFC 3339 such as 2026-01-31T12:00:00Z"
            ) from None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        if start is not None and start == modified:
            raise self._invalid(
                f"line {number}: {when!r} is an instant, the lines before give seconds; use one of them"
            )
        return (moment - (start or moment)).total_seconds(), moment

    def _invalid(self, what: str) -> MeterError:
        return MeterError("TraceFileInvalid", f"trace file {self.path} {what}")
