"""The hub's offers as the store has them, parsed once a version, with what is asked of them most."""

from __future__ import annotations

from collections.abc import Iterable

from policloud.api.offers import parse_offer
from policloud.api.resources import WORK_OFFER
from policloud.domain.federation.offers import Offer
from policloud.ports import Body
from policloud.reconcile.hub.sites import Sites, site_of
from policloud.runtime.store import Key, Store

KIND = str(WORK_OFFER)
_BY_WORKLOAD, _BY_NAMESPACE = "workload", "offer-namespace"


class OfferBook:
    """Offers by workload and by site, and the counter of sequences of each site."""

    def __init__(self, store: Store, sites: Sites) -> None:
        self._store = store
        self._sites = sites
        self._parsed: dict[str, tuple[str, Offer]] = {}
        self._given: dict[str, int] = {}
        store.add_index(KIND, _BY_WORKLOAD, _workload_keys)
        store.add_index(KIND, _BY_NAMESPACE, lambda body: (body["metadata"].get("namespace", ""),))

    def of(self, workload: Key) -> list[Offer]:
        """Every offer ever made for a workload of that name (also of an earlier UID), oldest first."""
        found = self._offers(self._store.by_index(KIND, _BY_WORKLOAD, workload))
        return sorted(found, key=lambda o: (o.sequence, o.name))

    def in_namespace(self, namespace: str) -> list[Offer]:
        return self._offers(self._store.by_index(KIND, _BY_NAMESPACE, namespace))

    def all(self) -> list[Offer]:
        if len(self._parsed) > 2 * self._store.count(KIND) + 1000:  # offers that are gone
            self._parsed.clear()
        return self._offers(self._store.list(KIND))

    def body(self, offer: Offer) -> Body | None:
        return self._store.get(KIND, offer.key)

    def next_sequence(self, namespace: str) -> int:
        """The next number of a site: above every offer there, what the site echoed and what was given out."""
        known = max((o.sequence for o in self.in_namespace(namespace)), default=0)
        echoed = self._sites.echo(site_of(namespace) or "").sequence
        self._given[namespace] = max(known, echoed, self._given.get(namespace, 0)) + 1
        return self._given[namespace]

    def newest(self, namespaces: Iterable[str]) -> frozenset[str]:
        """UIDs of the offers with the highest sequence of their site: those must stay."""
        tops = [max(there, key=lambda o: o.sequence) for n in set(namespaces) if (there := self.in_namespace(n))]
        return frozenset(o.uid for o in tops)

    def _offers(self, bodies: Iterable[Body]) -> list[Offer]:
        return [o for b in bodies if (o := self._parse(b)) is not None]

    def _parse(self, body: Body) -> Offer | None:
        meta = body["metadata"]
        uid, version = meta.get("uid", ""), meta.get("resourceVersion", "")
        known = self._parsed.get(uid)
        if known is not None and known[0] == version:
            return known[1]
        try:
            offer = parse_offer(body)
        except (KeyError, TypeError, ValueError):
            return None  # not ours: the schema lets no such offer in
        self._parsed[uid] = (version, offer)
        return offer


def workload_key(body: Body) -> Key:
    """The SovereignWorkload that an offer is of."""
    workload = (body.get("spec") or {}).get("workload") or {}
    return str(workload.get("namespace", "")), str(workload.get("name", ""))


def _workload_keys(body: Body) -> tuple[Key]:
    return (workload_key(body),)
