"""Ending work of an offer: only what runs by its acceptance, with its notice, and told only once nothing is left."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from policloud.api import names
from policloud.api.resources import DEPLOYMENT, JOB, POD, VIRTUAL_MACHINE
from policloud.domain.federation.held import Held, epoch_of
from policloud.domain.federation.offers import Offer, ReleaseMode
from policloud.reconcile.site.carryout import CarryOut, notice_seconds
from policloud.reconcile.site.federation import Federation, local_key
from policloud.reconcile.site.templates import workload_label

REQUESTED = "ReleaseRequested"
ENDED_AT_SITE = "EndedAtSite"


def obeys(offer: Offer, held: Held, records: list[Held]) -> bool:
    """Whether the offer orders the end of exactly what runs: same workload, its acceptance, no older hub."""
    return (
        offer.release_requested
        and held.runs
        and offer.uid == held.offer.offer_uid
        and offer.workload.uid == held.offer.workload.uid
        and bool(held.acceptance)
        and offer.release_acceptance == held.acceptance
        and offer.epoch >= epoch_of(records, offer.hub)
    )


class Releaser:
    """Starts drains and carries them out. All methods raise ApiError."""

    def __init__(self, federation: Federation, carry_out: CarryOut) -> None:
        self._federation = federation
        self._carry_out = carry_out

    async def begin(self, offer: Offer, held: Held) -> Held:
        """Note until when the work may go on. A Stop after a Drain shortens it."""
        site = self._federation.site
        seconds = 0.0
        if offer.release_mode is ReleaseMode.DRAIN:
            seconds = notice_seconds(offer.content, self._federation.stop_notice)
        until = site.clock.now() + timedelta(seconds=seconds)
        if held.drain_until is not None and held.drain_until <= until:
            return held
        return await self._federation.journal.save(replace(held, drain_until=until, drain_reason=REQUESTED))

    def due(self, held: Held) -> float:
        """Seconds until the notice is over; negative after."""
        if held.drain_until is None:
            return 0.0
        return (held.drain_until - self._federation.site.clock.now()).total_seconds()

    async def end(self, held: Held, reason: str) -> Held | None:
        """Delete the local object; the tombstone once it and everything it made are gone, None until then."""
        local = await self._carry_out.fresh(held)
        if local is not None:
            if "deletionTimestamp" not in local["metadata"]:
                await self._carry_out.delete(held, local)
                local = await self._carry_out.fresh(held)
            if local is not None:
                return None
        if self._leftovers(held):
            return None
        done = replace(held, drain_reason=reason).released(self._federation.site.clock.now())
        return await self._federation.journal.save(done)

    def _leftovers(self, held: Held) -> bool:
        namespace, name = local_key(held)
        label = workload_label(name)
        store = self._federation.site.store
        return any(
            (body["metadata"].get("labels") or {}).get(names.WORKLOAD_LABEL) == label
            for resource in (POD, DEPLOYMENT, JOB, VIRTUAL_MACHINE)
            for body in store.list(str(resource), namespace)
        )
