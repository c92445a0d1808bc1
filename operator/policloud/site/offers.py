"""Adds to a site process what deals with offers: the journal and mandates always, one hub's offers once joined."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from policloud.adapters.shell import Route, Watch
from policloud.api import names, resources
from policloud.domain.federation.answers import AnswerTimes
from policloud.domain.federation.keys import SigningKey
from policloud.domain.federation.signing import sign
from policloud.ports import Body, Cluster
from policloud.reconcile.base import guarded
from policloud.reconcile.site.federation import HUB_OFFERS, Federation, held_entries, promises
from policloud.reconcile.site.journal import HELD, Journal, parse
from policloud.reconcile.site.mandates import MandateReconciler
from policloud.reconcile.site.offers import OfferReconciler
from policloud.runtime.store import Key, key_of
from policloud.runtime.workers import Controller
from policloud.site.wiring import Process

_STOP_NOTICE = 30.0


@dataclass(slots=True)
class OffersSide:
    """`changed(body)`: for the reflector of the hub's offers (kind HUB_OFFERS). `wake_all`: when the link is back."""

    journal: Journal
    mandates: Controller
    offers: Controller | None = None

    def changed(self, body: Body) -> None:
        self.wake(key_of(body))

    def wake(self, key: Key) -> None:
        if self.offers is not None:
            self.offers.queue.add(key)

    def wake_all(self, store_keys: Iterable[Key] = ()) -> None:
        """Every offer that is known, by its record or from the hub: after a start, and whenever the hub is back."""
        for held in self.journal.all():
            self.wake((held.offer.offer_namespace, held.offer.offer_name))
        for key in store_keys:
            self.wake(key)


def add_journal(process: Process) -> OffersSide:
    """Held records count as capacity, and mandates are looked after, joined or not."""
    site, settings = process.site, process.settings
    journal = Journal(process.cluster, process.store, settings.namespace)
    site.capacity.promises = lambda: promises(journal)
    site.held = lambda unit: held_entries(journal, unit)

    def wake(key: Key) -> None:
        side.wake(key)

    reconciler = MandateReconciler(site, journal, wake, notice_scale=settings.time_scale)
    side = OffersSide(journal, Controller("mandates", guarded(reconciler.reconcile), workers=1))
    process.controllers.append(side.mandates)

    def record(body: Body) -> Iterable[tuple[Controller, Key]]:
        held = parse(body)
        if held is None:
            return
        yield from process.routes.record(body)
        if side.offers is not None:
            yield side.offers, (held.offer.offer_namespace, held.offer.offer_name)
        yield side.mandates, (settings.namespace, "records")

    process.watches += [
        Watch(
            resources.CONFIG_MAP,
            record,
            namespace=settings.namespace,
            label_selector=f"{names.RECORD_LABEL}={HELD}",
        ),
        Watch(resources.SITE_MANDATE, lambda body: [(side.mandates, key_of(body))]),
    ]
    return side


def add_offers(
    process: Process, side: OffersSide, *, hub: str, namespace: str, cluster: Cluster, key: SigningKey
) -> Controller:
    """Answer and carry out the offers of one hub.

    `cluster`: the hub's API server under the site's token, storing under "hub/"; `namespace`: this site's on the
    hub; `key`: the one that the hub has pinned.
    """
    scale = process.settings.time_scale
    federation = Federation(
        hub=hub,
        namespace=namespace,
        site=process.site,
        cluster=cluster,
        journal=side.journal,
        sign=lambda statement: sign(key, statement),
        restricted=lambda _: process.restricted,
        times=AnswerTimes().scaled(scale),
        stop_notice=_STOP_NOTICE * scale,
    )
    side.offers = Controller("offers", guarded(OfferReconciler(federation).reconcile), workers=8)
    process.controllers.append(side.offers)
    _also(process, resources.SOVEREIGN_WORKLOAD, lambda body: _offers_of(body, side))
    for resource in (resources.POD, resources.DEPLOYMENT, resources.JOB):
        _also(process, resource, lambda body: _leavers(body, side))
    return side.offers


def hub_offer_keys(process: Process) -> list[Key]:
    return [*process.store.keys(HUB_OFFERS)]


def _also(process: Process, resource: resources.Resource, route: Route) -> None:
    """Send a kind that is watched already to one more place."""
    process.watches[:] = [
        replace(w, route=_both(w.route, route)) if w.resource == resource else w for w in process.watches
    ]


def _both(first: Route, second: Route) -> Callable[[Body], list[tuple[Controller, Key]]]:
    return lambda body: [*first(body), *second(body)]


def _offers_of(body: Body, side: OffersSide) -> Iterable[tuple[Controller, Key]]:
    """The offer that a federated workload carries out: its state is to be told."""
    raw = (body["metadata"].get("annotations") or {}).get(names.OFFER_ANNOTATION)
    if raw is None or side.offers is None:
        return
    try:
        carried = json.loads(raw)
        yield side.offers, (str(carried["offerNamespace"]), str(carried["offer"]))
    except (ValueError, KeyError, TypeError):
        return


def _leavers(body: Body, side: OffersSide) -> Iterable[tuple[Controller, Key]]:
    """What goes away in a namespace of federated work may be the last thing a release waits for."""
    if side.offers is None or "deletionTimestamp" not in body["metadata"]:
        return
    name = (body["metadata"].get("labels") or {}).get(names.WORKLOAD_LABEL)
    for held in side.journal.all():
        if held.drain_until is not None and name is not None and held.offer.offer_name.startswith(name[:40]):
            yield side.offers, (held.offer.offer_namespace, held.offer.offer_name)
