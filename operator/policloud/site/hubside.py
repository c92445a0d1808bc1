"""Adds the line to a hub: the site joins it, follows its offers, shows its units there, and says how the line is."""

from __future__ import annotations

from dataclasses import replace

from policloud.adapters.shell import Watch
from policloud.api.resources import POLICLOUD_UNIT
from policloud.domain.federation.liveness import LivenessSettings
from policloud.ports import Body
from policloud.reconcile.base import guarded
from policloud.reconcile.site.publish import PACE_SECONDS, UnitPublisher
from policloud.runtime.store import key_of
from policloud.runtime.workers import Controller
from policloud.site.link import HubLink, LinkSettings
from policloud.site.offers import OffersSide, add_offers, echo_of_journal
from policloud.site.routes import Routed
from policloud.site.wiring import Process

_LONGEST_WAIT = 60.0


def add_hub(process: Process, side: OffersSide) -> HubLink:
    """The line to the hub that this site has joined or is about to join; without one it rests."""
    settings = process.settings

    def changed() -> None:
        process.routes.units_changed()
        if link.state.connected:
            publisher.reconnected()
            for key in publisher.everything():
                publishing.queue.add(key)

    link = HubLink(
        process.http,
        process.store,
        process.clock,
        LinkSettings(
            namespace=settings.namespace,
            join_file=settings.join_file,
            proxy=settings.hub_proxy,
            liveness=LivenessSettings().scaled(settings.time_scale),
            longest_wait=max(1.0, _LONGEST_WAIT * settings.time_scale),
        ),
        echo=lambda hub: echo_of_journal(side.journal, hub),
        on_offer=side.changed,
        on_change=changed,
        metrics=process.metrics,
    )
    publisher = UnitPublisher(
        process.cluster,
        process.store,
        process.clock,
        link,
        namespace=settings.namespace,
        pace=PACE_SECONDS * settings.time_scale,
    )
    publishing = Controller("publishing", guarded(publisher.reconcile), workers=1)
    add_offers(process, side, link)
    process.controllers.append(publishing)
    process.watches[:] = [_also_published(w, publishing) for w in process.watches]
    process.site.link = lambda: link.state
    process.background.append(link.run)
    return link


def _also_published(watch: Watch, publishing: Controller) -> Watch:
    """What a unit says here is to be said on the hub."""
    if watch.resource != POLICLOUD_UNIT:
        return watch
    here = watch.route

    def route(body: Body) -> Routed:
        return [*here(body), (publishing, key_of(body))]

    return replace(watch, route=route)
