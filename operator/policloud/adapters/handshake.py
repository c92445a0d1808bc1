"""Asks again and again whether the cluster has what this process needs: ready only while it has, working only once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from policloud.adapters.requirements import (
    Asked,
    Needs,
    Requirement,
    Unmet,
    unmet_foundations,
    unmet_rights,
)
from policloud.ports import ApiError, Clock

log = logging.getLogger(__name__)

_PERIOD_SECONDS: Final = 300.0
_AGAIN_SECONDS: Final = 5.0


class Handshake:
    """`run` until cancelled. `fit` is set when version and CRDs were good once: before, nothing may be written.

    With CRDs older than the process the API server would drop fields it does not know, silently. A missing right, by
    contrast, stops only the calls that need it, and a site that sheds load must not stand still for want of another.
    """

    def __init__(
        self, cluster: Asked, clock: Clock, needs: Needs, *, report: Callable[[str, bool], None] = lambda *_: None
    ) -> None:
        self.fit = asyncio.Event()
        self._cluster = cluster
        self._clock = clock
        self._needs = needs
        self._report = report
        self._asked = False
        self._unmet: dict[Requirement, Unmet] = {}

    async def run(self) -> None:
        while True:
            try:
                await self._look()
            except ApiError as error:  # vitals tell of a server that is away; what was known stays known
                log.debug("cannot ask what the cluster has: %s", error.message)
                await self._clock.sleep(_AGAIN_SECONDS)
            else:
                await self._clock.sleep(_AGAIN_SECONDS if self._unmet else _PERIOD_SECONDS)

    async def _look(self) -> None:
        foundations = await unmet_foundations(self._cluster, self._needs)
        self._note(foundations, (Requirement.KUBERNETES, Requirement.DEFINITIONS))
        self._asked = True
        if not foundations:
            self.fit.set()
        self._note(await unmet_rights(self._cluster, self._needs), (Requirement.PERMISSIONS,))

    def _note(self, found: list[Unmet], about: tuple[Requirement, ...]) -> None:
        """Log what is new, once in the same words."""
        now = {unmet.requirement: unmet for unmet in found}
        for requirement in about:
            before, after = self._unmet.get(requirement), now.get(requirement)
            if after is not None and after != before:
                log.error("not ready, %s: %s", requirement, after)
            elif after is None and before is not None:
                log.info("%s: what was missing is there", requirement)
            if after is None:
                self._unmet.pop(requirement, None)
            else:
                self._unmet[requirement] = after
            self._report(str(requirement), after is not None)

    def problem(self, requirement: Requirement) -> str | None:
        """For the readiness probe: what is missing and what to do."""
        if not self._asked:
            return "not asked yet"
        unmet = self._unmet.get(requirement)
        return str(unmet) if unmet else None
