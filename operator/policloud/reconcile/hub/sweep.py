"""Time passing at the hub: looks at silent sites, notices its own blind gaps, and tells of every change of reach."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from policloud.api.names import SITE_NAMESPACE_PREFIX
from policloud.api.resources import LEASE
from policloud.domain.federation.liveness import Reach
from policloud.ports import ApiError, Clock, Cluster, NotFoundError
from policloud.reconcile.hub.sites import SITE_LEASE, Sites
from policloud.reconcile.pause import pause

log = logging.getLogger(__name__)

_AT_ONCE = 16


class LivenessSweep:
    """`on_change(site)` is called, and only enqueues, when a site's reach or the hub's own standing has changed.

    A site is not given up on the word of a watch: its Lease is read afresh. While those reads fail, or if the sweep
    itself stood still, the hub was blind, and when it sees again all waits start anew.
    """

    def __init__(self, cluster: Cluster, sites: Sites, clock: Clock, on_change: Callable[[str], None]) -> None:
        self._cluster = cluster
        self._sites = sites
        self._clock = clock
        self._on_change = on_change
        self._known: dict[str, tuple[Reach | None, bool]] = {}
        self._standing: tuple[bool, bool] | None = None
        self._blind = False
        self._last_sweep = clock.monotonic()

    async def run(self, stop: asyncio.Event) -> None:
        """Sweep three times a renewal until `stop`."""
        while not stop.is_set():
            await self.sweep()
            seconds = min(self._sites.settings.renew / 3, max(0.05, self._sites.next_change()))
            await pause(self._clock, stop, seconds)

    async def sweep(self) -> None:
        now = self._clock.monotonic()
        stood_still = now - self._last_sweep > self._sites.settings.unreachable / 2
        self._last_sweep = now
        seeing = await self._look_at_silent()
        if not seeing and not self._blind:
            log.warning("the hub cannot read its sites' Leases: no site is judged until it can")
        if seeing and (self._blind or stood_still):
            log.warning("the hub sees its sites again after a gap; waiting for them starts anew")
            self._sites.resumed()
        self._blind = not seeing
        self._tell()

    async def _look_at_silent(self) -> bool:
        """False if the API server could not be asked. With nobody silent there is nothing to ask."""
        silent = self._sites.silent()
        slots = asyncio.Semaphore(_AT_ONCE)

        async def look(site: str) -> bool:
            async with slots:
                return await self._look_at(site)

        return all(await asyncio.gather(*(look(site) for site in silent)))

    async def _look_at(self, site: str) -> bool:
        asked_at = self._clock.monotonic()
        try:
            lease = await self._cluster.get(LEASE, SITE_NAMESPACE_PREFIX + site, SITE_LEASE)
        except NotFoundError:
            return True  # there is none to be silent on; the membership reconciler makes it
        except ApiError:
            return False
        if self._sites.heard(lease) is None:
            self._sites.confirmed_quiet(site, asked_at)
        return True

    def _tell(self) -> None:
        judged = self._sites.assessment()
        standing = (judged.suspects_itself, judged.holding)
        known: dict[str, tuple[Reach | None, bool]] = {
            site: (reach, site in judged.moves_allowed) for site, reach in judged.reach.items()
        }
        changed = {site for site in known.keys() | self._known.keys() if known.get(site) != self._known.get(site)}
        if standing != self._standing:
            changed |= known.keys()
            _say(self._standing, standing)
        self._known, self._standing = known, standing
        for site in sorted(changed):
            self._on_change(site)


def _say(before: tuple[bool, bool] | None, after: tuple[bool, bool]) -> None:
    if after[0] and not (before and before[0]):
        log.error("many sites were lost at once: the hub suspects itself and moves nothing until enough are back")
    if before and before[0] and not after[0]:
        log.info("enough sites are back: the hub trusts itself again")
