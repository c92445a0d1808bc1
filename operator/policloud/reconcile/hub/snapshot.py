"""Units as the planner sees them: published state and attested facts, minus what open offers keep beyond that."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from policloud.api.convert import facts_on_hub, unit_view
from policloud.api.names import SITE_NAMESPACE_PREFIX
from policloud.api.resources import POLICLOUD_UNIT, SITE_MEMBERSHIP
from policloud.domain.conditions import find
from policloud.domain.federation.liveness import Reach
from policloud.domain.federation.membership import MembershipState
from policloud.domain.federation.offers import Grant, Offer, reserved
from policloud.domain.placement.model import Reservation, UnitView
from policloud.domain.reasons import Reason
from policloud.ports import Body
from policloud.reconcile.hub.offerbook import OfferBook
from policloud.reconcile.hub.sites import Sites, site_of
from policloud.runtime.store import Store

UNIT_KIND, MEMBERSHIP_KIND = str(POLICLOUD_UNIT), str(SITE_MEMBERSHIP)
SHORT_OF_POWER = "InsufficientPower"  # its free watts say so already, and with the figure
Extra = Callable[[], Iterable[tuple[str, str, Reservation]]]  # (namespace, unit, what is planned but not written)


class Units:
    """Builds the units of a snapshot. `extra` are placements on their way into the API server."""

    def __init__(self, store: Store, sites: Sites, book: OfferBook, *, hub: str, extra: Extra) -> None:
        self._store = store
        self._sites = sites
        self._book = book
        self._hub = hub
        self._extra = extra

    def published(self) -> list[Body]:
        bodies = self._store.list(UNIT_KIND)
        return [b for b in bodies if (b.get("spec") or {}).get("published") and site_of(b["metadata"]["namespace"])]

    def views(self) -> tuple[UnitView, ...]:
        taken: dict[tuple[str, str], list[Reservation]] = {}
        units = self.published()
        shown = {(b["metadata"]["namespace"], b["metadata"]["name"]): _held(b, self._hub) for b in units}
        for offer in self._book.all():
            key = (offer.namespace, offer.unit)
            if (more := _beyond(offer, shown.get(key, {}))) is not None:
                taken.setdefault(key, []).append(more)
        for namespace, unit, reservation in self._extra():
            taken.setdefault((namespace, unit), []).append(reservation)
        return tuple(self._view(b, taken.get((b["metadata"]["namespace"], b["metadata"]["name"]), ())) for b in units)

    def membership(self, site: str) -> Body | None:
        return self._store.get(MEMBERSHIP_KIND, (SITE_NAMESPACE_PREFIX + site, site))

    def _view(self, unit: Body, taken: Iterable[Reservation]) -> UnitView:
        site = site_of(unit["metadata"]["namespace"]) or ""
        closed, detail = closed_for(self._sites.state(site), unit)
        return unit_view(
            unit,
            site=site,
            facts=facts_on_hub(unit, self.membership(site)),
            reserved=taken,
            closed=closed,
            closed_detail=detail,
        )


def closed_for(state: MembershipState, unit: Body) -> tuple[Reason | None, str]:
    """Why a unit takes nothing new at all, if so."""
    if not state.exists or not state.accepted or not state.joined:
        return Reason.NOT_A_MEMBER, "its site has not joined" if state.exists else "its site has no membership"
    if state.paused:
        return Reason.MEMBERSHIP_PAUSED, "its site's membership is paused"
    if state.reach is not Reach.REACHABLE:
        return Reason.UNIT_UNREACHABLE, "its site was not heard for too long"
    if "deletionTimestamp" in unit["metadata"]:
        return Reason.UNIT_NOT_READY, "it is being taken away"
    ready = find((unit.get("status") or {}).get("conditions") or (), "Ready")
    if ready is not None and ready.status == "False" and ready.reason != SHORT_OF_POWER:
        return Reason.UNIT_NOT_READY, ready.message or ready.reason
    return None, ""


def _held(unit: Body, hub: str) -> dict[str, Grant]:
    """What the unit's own figures count already for this hub's offers, by name of the offer."""
    entries = (unit.get("status") or {}).get("held") or ()
    return {
        str(h.get("offer", "")): Grant(int(h.get("replicas") or 0), int(h.get("gpus") or 0), int(h.get("watts") or 0))
        for h in entries
        if h.get("hub") == hub
    }


def _beyond(offer: Offer, shown: Mapping[str, Grant]) -> Reservation | None:
    """What must be kept for an offer beyond what its unit reports as used."""
    keep, seen = reserved(offer), shown.get(offer.name, Grant())
    replicas, watts = max(0, keep.replicas - seen.replicas), max(0, keep.watts - seen.watts)
    if not replicas and not watts:
        return None
    size = keep.gpus // keep.replicas if keep.replicas else 0
    return Reservation(offer.demand.products, size, replicas, watts)
