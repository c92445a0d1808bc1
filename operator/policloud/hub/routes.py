"""Which keys a changed object concerns on the hub: what its watches put into the queues. Computes, never waits."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from policloud.api.names import SITE_NAMESPACE_PREFIX
from policloud.ports import Body
from policloud.reconcile.hub.offerbook import OfferBook, workload_key
from policloud.reconcile.hub.sites import Sites, site_of
from policloud.runtime.store import Key, key_of
from policloud.runtime.workers import Controller

Routed = Iterable[tuple[Controller, Key]]


@dataclass(frozen=True, slots=True)
class Controllers:
    workloads: Controller
    memberships: Controller
    orphans: Controller

    def all(self) -> tuple[Controller, ...]:
        return self.workloads, self.memberships, self.orphans


class Routes:
    """One method a kind. `waiting()`: workloads without a place, looked at again when a unit changes."""

    def __init__(
        self,
        controllers: Controllers,
        sites: Sites,
        book: OfferBook,
        waiting: Callable[[], Iterable[Key]],
        *,
        echoed: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._to = controllers
        self._sites = sites
        self._book = book
        self._waiting = waiting
        self._echoed = echoed

    def workload(self, body: Body) -> Routed:
        return [(self._to.workloads, key_of(body))]

    def offer(self, body: Body) -> Routed:
        return [(self._to.workloads, workload_key(body))]

    def unit(self, body: Body) -> Routed:
        """A published unit has changed: so may have the law for what is there, and room for what has no place."""
        namespace, name = key_of(body)
        if site_of(namespace) is None:
            return
        yield self._to.orphans, (namespace, name)
        if self._sites.units_changed(namespace):
            yield self._to.memberships, (namespace, namespace.removeprefix(SITE_NAMESPACE_PREFIX))
        for offer in self._book.in_namespace(namespace):
            if offer.unit == name and not offer.final:
                yield self._to.workloads, (offer.workload.namespace, offer.workload.name)
        for key in [*self._waiting()]:
            yield self._to.workloads, key

    def membership(self, body: Body) -> Routed:
        namespace, name = key_of(body)
        yield self._to.memberships, (namespace, name)
        yield from self._of_site(namespace)

    def lease(self, body: Body) -> Routed:
        """A site was heard. Its membership says so where that is news."""
        site = self._sites.heard(body)
        if site is None:
            return
        self._echoed(site)
        if self._sites.news(site):
            yield self._to.memberships, (SITE_NAMESPACE_PREFIX + site, site)

    def site_changed(self, site: str) -> None:
        """A site's reach has changed, or the hub's own standing: everything there, and everything that waits."""
        namespace = SITE_NAMESPACE_PREFIX + site
        self._to.memberships.queue.add((namespace, site))
        for controller, key in self._of_site(namespace):
            controller.queue.add(key)

    def _of_site(self, namespace: str) -> Routed:
        for offer in self._book.in_namespace(namespace):
            if not offer.final:
                yield self._to.workloads, (offer.workload.namespace, offer.workload.name)
        for key in [*self._waiting()]:
            yield self._to.workloads, key
