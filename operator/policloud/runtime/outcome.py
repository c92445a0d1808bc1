"""What a reconcile of one key came to: a closed union; the queue alone turns it into a retry."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Done:
    """Nothing more to do until something changes."""


@dataclass(frozen=True, slots=True)
class RequeueAfter:
    """Look again after so many seconds, for that reason (shown in logs and metrics)."""

    seconds: float
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Retry:
    """A passing fault: try again with exponential backoff; `after` is what the server asked for, if it did."""

    error: str
    after: float | None = None


Outcome = Done | RequeueAfter | Retry
