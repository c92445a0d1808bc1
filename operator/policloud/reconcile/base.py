"""What every reconciler shares: API errors become outcomes, and writes that would change nothing are not sent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps

from policloud.ports import ApiError, ConflictError, NotFoundError, RejectedError, TransientError
from policloud.reconcile.diff import needs_write
from policloud.runtime.outcome import Outcome, Retry
from policloud.runtime.store import Key

__all__ = ["guarded", "needs_write", "outcome_of"]

Reconcile = Callable[[Key], Awaitable[Outcome]]

REJECTED_SECONDS = 60.0  # the same write will be refused again: look rarely, until something changes
MISSING_KIND_SECONDS = 60.0


def guarded(reconcile: Reconcile) -> Reconcile:
    """`reconcile` with its ApiErrors as retries: soon after a conflict, when told if told, rarely if refused."""

    @wraps(reconcile)
    async def call(key: Key) -> Outcome:
        try:
            return await reconcile(key)
        except ApiError as e:
            return outcome_of(e)

    return call


def outcome_of(error: ApiError) -> Outcome:
    """The retry that an API error asks for; the queue's own backoff applies where it is longer."""
    match error:
        case TransientError(retry_after=after):
            return Retry(error.message, after)
        case RejectedError():
            return Retry(error.message, REJECTED_SECONDS)
        case NotFoundError(missing_kind=True):
            return Retry(error.message, MISSING_KIND_SECONDS)
        case ConflictError() | _:
            return Retry(error.message)
