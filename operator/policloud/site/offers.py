"""Adds to a site process what deals with offers: the journal and mandates always, one hub's offers once joined."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from policloud.adapters.shell import Route, Watch
from policloud.api import names, resources
from policloud.domain.federation.answers import AnswerTimes
from policloud.domain.federation.epoch import Echo
from policloud.domain.federation.held import counter_of, epoch_of, sequence_of
from policloud.domain.federation.keys import ANSWER_PREFIX
from policloud.domain.federation.signing import payload
from policloud.ports import Body
from policloud.reconcile.base import guarded
from policloud.reconcile.site.federation import Federation, held_entries, promises
from policloud.reconcile.site.journal import HELD, Journal, parse
from policloud.reconcile.site.mandates import MandateReconciler
from policloud.reconcile.site.offers import OfferReconciler
from policloud.reconcile.site.templates import workload_label
from policloud.runtime.store import Key, key_of
from policloud.runtime.workers import Controller
from policloud.site.link import HubLink
from policloud.site.linked import LinkedCluster
from policloud.site.wiring import Process

_STOP_NOTICE = 30.0


@dataclass(slots=True)
class OffersSide:
    """`changed(body)`: an offer has changed on the hub, or the line to it is back."""

    journal: Journal
    mandates: Controller
    offers: Controller | None = None

    def changed(self, body: Body) -> None:
        self.wake(key_of(body))

    def wake(self, key: Key) -> None:
        if self.offers is not None:
            self.offers.queue.add(key)

    def wake_all(self) -> None:
        """Everything that is held: after a start, and whenever the line to the hub has changed."""
        for held in self.journal.all():
            self.wake((held.offer.offer_namespace, held.offer.offer_name))


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


def add_offers(process: Process, side: OffersSide, link: HubLink) -> Controller:
    """Answer and carry out the offers of the hub that `link` is joined to; its `on_offer` is `side.changed`."""
    scale = process.settings.time_scale
    federation = Federation(
        hub_id=lambda: link.state.hub_id,
        site=process.site,
        cluster=LinkedCluster(lambda: link.cluster),
        journal=side.journal,
        sign=lambda statement: link.sign(ANSWER_PREFIX, payload(statement)),
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


def echo_of_journal(journal: Journal, hub: str) -> Echo:
    """The highest numbers stored of a hub: what the site echoes in its Lease."""
    records = journal.all()
    return Echo(epoch_of(records, hub), sequence_of(records, hub), counter_of(records, hub))


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
        if held.drain_until is not None and workload_label(held.offer.offer_name) == name:
            yield side.offers, (held.offer.offer_namespace, held.offer.offer_name)
