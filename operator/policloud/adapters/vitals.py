"""Whether the API server answers: one cheap question every few seconds."""

from __future__ import annotations

import logging
from collections.abc import Callable

from policloud.adapters.kube.client import HttpCluster
from policloud.ports import ApiError, Clock

log = logging.getLogger(__name__)

_PERIOD_SECONDS = 5.0
_LOST_AFTER_SECONDS = 60.0


class Vitals:
    """Asks until cancelled; calls `on_return` when the server answers again after it did not."""

    def __init__(self, cluster: HttpCluster, clock: Clock, *, on_return: Callable[[], None]) -> None:
        self._cluster = cluster
        self._clock = clock
        self._on_return = on_return
        self._heard_at: float | None = None
        self._error: str | None = None

    async def run(self) -> None:
        while True:
            try:
                await self._cluster.version()
            except ApiError as e:
                if self._error is None:
                    log.warning("the API server does not answer: %s", e.message)
                self._error = e.message
            else:
                self._heard()
            await self._clock.sleep(_PERIOD_SECONDS)

    def _heard(self) -> None:
        self._heard_at = self._clock.monotonic()
        if self._error is not None:
            log.info("the API server answers again")
            self._error = None
            self._on_return()

    def out_of_reach(self) -> str | None:
        """Why this process is not ready, if the server has not answered for a minute."""
        if self._heard_at is None:
            return self._error or "not asked yet"
        silent = self._clock.monotonic() - self._heard_at
        return f"no answer for {silent:.0f} s: {self._error}" if silent > _LOST_AFTER_SECONDS else None
