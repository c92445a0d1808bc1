"""Carries out what the plan says, one write an action, each under a precondition. The first failure ends it.

What was done is in the store at once (StoringCluster), so deciding again from there goes on where this stopped.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from policloud.api import names
from policloud.api.offers import ASK_AGAIN, ASKED, WITHDRAWN_AT, asked_fields, format_time, new_offer
from policloud.api.resources import SOVEREIGN_WORKLOAD, WORK_OFFER
from policloud.domain.federation.actions import (
    Action,
    Blank,
    CreateOffer,
    Delete,
    DropFinalizer,
    RequestRelease,
    Resequence,
    Withdraw,
    WritePlan,
)
from policloud.domain.federation.content import Wanted, content_for
from policloud.domain.federation.offers import Demand, Offer, revision
from policloud.domain.federation.view import Times
from policloud.ports import Body, Clock, Cluster, ConflictError, NotFoundError
from policloud.reconcile.hub.offerbook import KIND, OfferBook
from policloud.reconcile.hub.refusals import patience
from policloud.reconcile.hub.wanted import plan_text
from policloud.runtime.store import Store

log = logging.getLogger(__name__)


class OfferWriter:
    """`epoch()` is the hub's term. Every method raises ApiError; a conflict means: read again, decide again."""

    def __init__(
        self,
        cluster: Cluster,
        store: Store,
        clock: Clock,
        book: OfferBook,
        *,
        hub: str,
        epoch: Callable[[], int],
        times: Times,
    ) -> None:
        self._cluster = cluster
        self._store = store
        self._clock = clock
        self._book = book
        self._hub = hub
        self._epoch = epoch
        self._times = times

    async def carry_out(self, workload: Body | None, wanted: Wanted | None, actions: list[Action]) -> None:
        """In order. `workload`: the SovereignWorkload that was decided on; its resourceVersion fences the plan."""
        for action in actions:
            try:
                await self._one(workload, wanted, action)
            except ConflictError:
                await self._refresh(workload, action)
                raise

    async def _one(self, workload: Body | None, wanted: Wanted | None, action: Action) -> None:
        match action:
            case Withdraw(offer, why):
                await self._edit(offer, why, self._withdrawn)
            case RequestRelease(offer, mode, why):
                await self._edit(offer, why, lambda body: self._released(body, offer, str(mode)))
            case Blank(offer):
                await self._edit(offer, "membership revoked: content blanked", _blanked)
            case Delete(offer):
                await self._delete(offer)
            case _ if workload is None or wanted is None:
                raise ValueError(f"{type(action).__name__} needs its workload")
            case WritePlan(entries):
                await self._plan(workload, plan_text(entries), finalizer=bool(entries) or wanted.finalizer)
            case DropFinalizer():
                await self._drop_finalizer(workload)
            case CreateOffer():
                await self._create(wanted, action)
            case Resequence(offer, demand, taking):
                await self._resequence(wanted, offer, demand, taking=taking)

    async def _plan(self, workload: Body, text: str, *, finalizer: bool) -> None:
        meta = workload["metadata"]
        patch: Body = {
            "metadata": {"resourceVersion": meta["resourceVersion"], "annotations": {names.PLAN_ANNOTATION: text}}
        }
        finalizers = meta.get("finalizers") or []
        if finalizer and names.FINALIZER not in finalizers:
            patch["metadata"]["finalizers"] = [*finalizers, names.FINALIZER]
        await self._cluster.merge_patch(
            SOVEREIGN_WORKLOAD, meta["namespace"], meta["name"], patch, manager=names.HUB_MANAGER
        )

    async def _drop_finalizer(self, workload: Body) -> None:
        meta = workload["metadata"]
        left = [f for f in meta.get("finalizers") or () if f != names.FINALIZER]
        patch = {"metadata": {"resourceVersion": meta["resourceVersion"], "finalizers": left}}
        await self._cluster.merge_patch(
            SOVEREIGN_WORKLOAD, meta["namespace"], meta["name"], patch, manager=names.HUB_MANAGER
        )

    async def _create(self, wanted: Wanted, action: CreateOffer) -> None:
        p = action.planned
        now = self._clock.now()
        content = content_for(wanted, p.demand.replicas, completed_before=p.completed_before)
        offer = Offer(
            namespace=p.namespace,
            name=p.name,
            uid="",
            resource_version="",
            hub=self._hub,
            unit=p.unit,
            workload=wanted.ref,
            epoch=self._epoch(),
            sequence=p.sequence,
            revision=revision(content, p.demand, wanted.mobility, exclusive=wanted.exclusive),
            content=content,
            demand=p.demand,
            mobility=wanted.mobility,
            exclusive=wanted.exclusive,
            answer_by=now + self._patience(wanted, p.unit),
            withdrawn=action.withdrawn,
            withdrawn_at=now if action.withdrawn else None,
            completed_before=p.completed_before,
        )
        try:
            await self._cluster.create(WORK_OFFER, new_offer(offer))
        except ConflictError as error:
            if not error.already_exists:
                raise
            await self._read(offer)  # AlreadyExists means read: an earlier try of ours, or an old leader's

    async def _resequence(self, wanted: Wanted, offer: Offer, demand: Demand, *, taking: bool) -> None:
        content = content_for(wanted, demand.replicas, completed_before=offer.completed_before)
        asked = replace(
            offer,
            epoch=max(self._epoch(), offer.epoch),
            sequence=self._book.next_sequence(offer.namespace),
            revision=revision(content, demand, wanted.mobility, exclusive=wanted.exclusive),
            content=content,
            demand=demand,
            mobility=wanted.mobility,
            exclusive=wanted.exclusive,
            answer_by=self._clock.now() + self._patience(wanted, offer.unit),
        )
        until = (offer.answer.until if offer.answer else None) or self._clock.now() + self._times.ask_again

        def edit(body: Body) -> None:
            body["spec"].update(asked_fields(asked))
            notes = body["metadata"].setdefault("annotations", {})
            if taking:
                notes[ASK_AGAIN] = format_time(until)
                notes[ASKED] = str(offer.asked_replicas or offer.demand.replicas)
            else:
                notes.pop(ASK_AGAIN, None)
                notes.pop(ASKED, None)

        await self._edit(offer, "counter-offer taken" if taking else "asked anew", edit)

    def _patience(self, wanted: Wanted, unit: str) -> timedelta:
        offers = self._book.of((wanted.ref.namespace, wanted.ref.name))
        return patience(offers, unit, self._times.answer_within)

    async def _edit(self, offer: Offer, why: str, edit: Callable[[Body], None]) -> None:
        """Replace under the version that was decided on."""
        current = self._book.body(offer)
        if current is None or current["metadata"].get("resourceVersion") != offer.resource_version:
            raise ConflictError(f"offer {offer.namespace}/{offer.name} has changed since it was looked at")
        body = copy.deepcopy(current)
        edit(body)
        log.info("offer %s/%s: %s", offer.namespace, offer.name, why)
        await self._cluster.replace(WORK_OFFER, body)

    def _withdrawn(self, body: Body) -> None:
        body["spec"]["withdrawn"] = True
        body["metadata"].setdefault("annotations", {})[WITHDRAWN_AT] = format_time(self._clock.now())

    def _released(self, body: Body, offer: Offer, mode: str) -> None:
        acceptance = offer.running.acceptance if offer.running else ""
        release: dict[str, Any] = {"requested": True, "mode": mode}
        if acceptance:
            release["acceptance"] = acceptance
        body["spec"]["release"] = release
        if offer.unanswered:
            self._withdrawn(body)

    async def _delete(self, offer: Offer) -> None:
        try:
            await self._cluster.delete(
                WORK_OFFER, offer.namespace, offer.name, uid=offer.uid, resource_version=offer.resource_version
            )
        except NotFoundError:
            log.debug("offer %s/%s was deleted already", offer.namespace, offer.name)
        self._store.remove(KIND, offer.key, offer.uid)

    async def _read(self, offer: Offer) -> None:
        body = await self._cluster.get(WORK_OFFER, offer.namespace, offer.name)
        self._store.upsert(KIND, body)

    async def _refresh(self, workload: Body | None, action: Action) -> None:
        """After a conflict: what is there now, so that the next look is not at the same old thing."""
        try:
            if isinstance(action, WritePlan | DropFinalizer) and workload is not None:
                meta = workload["metadata"]
                body = await self._cluster.get(SOVEREIGN_WORKLOAD, meta["namespace"], meta["name"])
                self._store.upsert(str(SOVEREIGN_WORKLOAD), body)
            elif isinstance(action, Resequence | Withdraw | RequestRelease | Blank | Delete):
                await self._read(action.offer)
        except NotFoundError:
            if not isinstance(action, WritePlan | DropFinalizer | CreateOffer):
                self._store.remove(KIND, action.offer.key, action.offer.uid)


def _blanked(body: Body) -> None:
    body["spec"]["content"] = {}
