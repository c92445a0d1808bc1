"""Findings of doctor, verify and guard: a table for people, a document for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.text import Text

from policloud.cli.checks import Finding, Level
from policloud.cli.render.documents import document, emit
from policloud.cli.render.tables import BAD, GOOD, WAITING, Cell, Column, show, table

MARKS = {Level.OK: ("✓", GOOD), Level.WARN: ("!", WAITING), Level.FAIL: ("✗", BAD)}


def healthy(findings: Sequence[Finding]) -> bool:
    """Nothing failed; warnings do not count."""
    return not any(f.level is Level.FAIL for f in findings)


def as_document(kind: str, findings: Sequence[Finding]) -> dict[str, Any]:
    """`healthy` and `findings[]` of check, level (ok, warn, fail), message and fix."""
    listed = [{"check": f.check, "level": str(f.level), "message": f.message, "fix": f.fix} for f in findings]
    return document(kind, {"healthy": healthy(findings), "findings": listed})


def show_findings(kind: str, findings: Sequence[Finding], output: str) -> None:
    """To standard output. What each fix says is told once, below the table."""
    if output != "table":
        emit(output, as_document(kind, findings))
        return
    rows: list[list[Cell]] = [[Text(*MARKS[f.level]), f.check, f.message] for f in findings]
    show(table([Column(""), Column("CHECK"), Column("FOUND")], rows))
    told: set[str] = set()
    for f in findings:
        if f.fix and f.level is not Level.OK and f.fix not in told:
            told.add(f.fix)
            show(f"{MARKS[f.level][0]} {f.check}\n  fix: {f.fix}")
