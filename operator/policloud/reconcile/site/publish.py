"""Keeps the published copies of this site's units on its hub: spec when it changes, status when it is news."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Final

from policloud.api.names import MANAGED_BY, MANAGED_BY_LABEL, SITE_MANAGER, SITE_NAMESPACE_PREFIX
from policloud.api.resources import POLICLOUD_UNIT, WORK_OFFER
from policloud.ports import Body, Clock, Cluster, HubLink, NotFoundError
from policloud.reconcile.base import needs_write
from policloud.reconcile.site.published import is_news, published_copy, published_status, publishes, urgent
from policloud.runtime.outcome import Done, Outcome, RequeueAfter
from policloud.runtime.store import Key, Store, key_of

log = logging.getLogger(__name__)

HUB_OFFERS: Final = f"hub/{WORK_OFFER}"
_UNIT: Final = str(POLICLOUD_UNIT)
PACE_SECONDS: Final = 10.0
_RECHECK_SECONDS: Final = 60.0
LEFT_OVER: Final[Key] = ("", "")


class UnitPublisher:
    """Key: (namespace, name) of a local PolicloudUnit. Does nothing while the hub is away; `reconnected` after that.

    `pace`: a copy's status is written at most so often, unless a condition flips.
    """

    def __init__(
        self, local: Cluster, store: Store, clock: Clock, link: HubLink, *, namespace: str, pace: float = PACE_SECONDS
    ) -> None:
        self._local = local
        self._store = store
        self._clock = clock
        self._link = link
        self._namespace = namespace
        self._pace = pace
        self._copies: dict[str, Body] | None = None  # on the hub, as last read or written; None: not read yet
        self._told: dict[str, tuple[float, Mapping[str, Any]]] = {}

    def reconnected(self) -> None:
        """Read the copies anew before anything else is written: the hub may be another than before."""
        self._copies = None

    def everything(self) -> list[Key]:
        """The keys to look at after a connection: every local unit, and the copies whose unit is gone."""
        return [LEFT_OVER, *(key_of(unit) for unit in self._store.list(_UNIT))]

    async def reconcile(self, key: Key) -> Outcome:
        """ApiErrors pass."""
        hub = self._link.cluster
        if hub is None or not self._link.namespace:
            return Done()  # woken again by the next connection
        copies = await self._known(hub)
        if key == LEFT_OVER:
            return await self._sweep(hub, copies)
        unit = self._store.get(_UNIT, key)
        if unit is not None and unit["spec"].get("published"):
            return Done()  # a copy that another site made, where hub and site share a cluster
        if unit is None or not publishes(unit):
            return await self._take_away(hub, key, copies)
        copy = await self._spec(hub, unit, copies)
        return await self._status(hub, unit, copy, copies)

    async def _sweep(self, hub: Cluster, copies: dict[str, Body]) -> Outcome:
        local = {unit["metadata"]["name"] for unit in self._store.list(_UNIT)}
        outcomes = [await self._take_away(hub, (self._namespace, name), copies) for name in sorted({*copies} - local)]
        return next((outcome for outcome in outcomes if isinstance(outcome, RequeueAfter)), Done())

    async def _known(self, hub: Cluster) -> dict[str, Body]:
        if self._copies is None:
            found = await hub.list(POLICLOUD_UNIT, self._link.namespace)
            self._copies = {body["metadata"]["name"]: body for body in found.items if _ours(body)}
            self._told = {}
        return self._copies

    async def _spec(self, hub: Cluster, unit: Body, copies: dict[str, Body]) -> Body:
        site = self._link.namespace.removeprefix(SITE_NAMESPACE_PREFIX)
        wanted = published_copy(unit, self._link.namespace, site)
        name = wanted["metadata"]["name"]
        known = copies.get(name)
        if known is None or needs_write(known, wanted, manager=SITE_MANAGER):
            copies[name] = await hub.apply(POLICLOUD_UNIT, wanted, manager=SITE_MANAGER)
        return copies[name]

    async def _status(self, hub: Cluster, unit: Body, copy: Body, copies: dict[str, Body]) -> Outcome:
        name = copy["metadata"]["name"]
        wanted = published_status(unit, int(copy["metadata"].get("generation") or 0))
        at, told = self._told.get(name) or (float("-inf"), _said(copy))
        if not is_news(told, wanted):
            return Done()
        now = self._clock.monotonic()
        if now - at < self._pace and not urgent(told, wanted):
            return RequeueAfter(self._pace - (now - at), "paced")
        body = {
            "apiVersion": POLICLOUD_UNIT.api_version,
            "kind": POLICLOUD_UNIT.kind,
            "metadata": {"name": name, "namespace": self._link.namespace},
            "status": wanted,
        }
        copies[name] = await hub.apply_status(POLICLOUD_UNIT, body, manager=SITE_MANAGER)
        self._told[name] = (now, wanted)
        return Done()

    async def _take_away(self, hub: Cluster, key: Key, copies: dict[str, Body]) -> Outcome:
        """Only once the unit is surely gone (or unpublished) here, and its last offer there is settled."""
        copy = copies.get(key[1])
        if copy is None or not await self._surely_unpublished(key):
            return Done()
        if not self._store.synced(HUB_OFFERS) or self._open_offers(key[1]):
            return RequeueAfter(_RECHECK_SECONDS, "its offers are not settled")
        try:
            await hub.delete(POLICLOUD_UNIT, self._link.namespace, key[1], uid=copy["metadata"]["uid"])
        except NotFoundError:
            log.debug("the copy of %s was gone already", key[1])
        copies.pop(key[1], None)
        self._told.pop(key[1], None)
        log.info("unit %s is no longer published", key[1])
        return Done()

    async def _surely_unpublished(self, key: Key) -> bool:
        """The store may be empty for many reasons; only the API server's own 404 (or spec) counts."""
        if not self._store.synced(_UNIT):
            return False
        try:
            unit = await self._local.get(POLICLOUD_UNIT, *key)
        except NotFoundError as error:
            return not error.missing_kind and not self._elsewhere(key)
        return not publishes(unit)

    def _elsewhere(self, key: Key) -> bool:
        """Whether a unit of that name lives in another namespace of this site."""
        return any(u["metadata"]["name"] == key[1] and publishes(u) for u in self._store.list(_UNIT))

    def _open_offers(self, unit: str) -> bool:
        return any(
            _holds(body)
            for body in self._store.list(HUB_OFFERS, self._link.namespace)
            if body["spec"].get("unit") == unit
        )


def _holds(offer: Body) -> bool:
    """Whether an offer keeps its unit published: unless it is withdrawn with nothing running, or Released."""
    status = offer.get("status") or {}
    if status.get("state") == "Released":
        return False
    return bool(status.get("running")) or not offer["spec"].get("withdrawn", False)


def _ours(body: Body) -> bool:
    labels = body["metadata"].get("labels") or {}
    return labels.get(MANAGED_BY_LABEL) == MANAGED_BY and bool((body.get("spec") or {}).get("published"))


def _said(copy: Body) -> Mapping[str, Any] | None:
    """What the hub knows already, if this copy was ever given a status by us."""
    status: Mapping[str, Any] = copy.get("status") or {}
    return status if "gpus" in status else None
