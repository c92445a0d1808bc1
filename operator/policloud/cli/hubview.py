"""The hub's own view of its units, built from lists instead of watches: the same code, so the same answer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import cast

from policloud.api.offers import parse_offer
from policloud.api.resources import POLICLOUD_UNIT, SITE_MEMBERSHIP, WORK_OFFER
from policloud.cli.fleet import Fleet, condition, name, spec
from policloud.domain.federation.liveness import Reach
from policloud.domain.federation.membership import MembershipState, membership_state
from policloud.domain.placement.model import Refusal, UnitView
from policloud.ports import Body
from policloud.reconcile.hub.offerbook import OfferBook
from policloud.reconcile.hub.refusals import refusals
from policloud.reconcile.hub.sites import Sites
from policloud.reconcile.hub.snapshot import Units
from policloud.runtime.store import Store

_REACH = {"True": Reach.REACHABLE, "False": Reach.UNREACHABLE}


class _WrittenSites:
    """Stands in for the hub's `Sites`: reachability as the hub wrote it down, since only it hears the Leases."""

    def __init__(self, memberships: Mapping[str, Body]) -> None:
        self._memberships = memberships

    def state(self, site: str) -> MembershipState:
        body = self._memberships.get(site)
        reach = _REACH.get(condition(body, "Reachable")[0], Reach.UNKNOWN) if body else Reach.UNKNOWN
        return membership_state(site, body, reach, moves_allowed=False)


def hub_units(fleet: Fleet) -> tuple[UnitView, ...]:
    """Published units with attested facts, less what open offers keep beyond what the units report."""
    store = Store()
    for kind, bodies in (
        (POLICLOUD_UNIT, fleet.units),
        (SITE_MEMBERSHIP, fleet.memberships),
        (WORK_OFFER, fleet.offers),
    ):
        for body in bodies:
            store.upsert(str(kind), body)
    sites = cast(Sites, _WrittenSites({name(m): m for m in fleet.memberships}))
    book = OfferBook(store, sites)
    return Units(store, sites, book, hub=hub_id(fleet), extra=lambda: ()).views()


def hub_id(fleet: Fleet) -> str:
    """As the offers name it; without offers there is nothing to tell apart."""
    return next((str(spec(o).get("hub") or "") for o in fleet.offers), "")


def hub_refusals(fleet: Fleet, workload: Body, now: datetime) -> dict[str, Refusal]:
    """Who has refused this workload, by unit, and is not asked again yet."""
    uid = workload["metadata"].get("uid")
    mine = [o for o in fleet.offers if uid and (spec(o).get("workload") or {}).get("uid") == uid]
    return refusals([parse_offer(o) for o in mine], now=now, ask_again=timedelta(minutes=5))
