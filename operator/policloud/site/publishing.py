"""Adds to a site process what keeps its units' copies on the hub."""

from __future__ import annotations

from dataclasses import replace

from policloud.adapters.shell import Route
from policloud.api.names import SITE_NAMESPACE_PREFIX
from policloud.api.resources import POLICLOUD_UNIT
from policloud.ports import Body
from policloud.reconcile.base import guarded
from policloud.reconcile.site.publish import PACE_SECONDS, UnitPublisher
from policloud.runtime.store import Key, key_of
from policloud.runtime.workers import Controller
from policloud.site.link import HubLink
from policloud.site.wiring import Process


class Publishing:
    """`link_changed` when the line comes or goes, `offer_changed` for every offer: the last one may free a copy."""

    def __init__(self, process: Process, link: HubLink) -> None:
        settings = process.settings
        self._link = link
        self._connected = False
        self._namespace = settings.namespace
        self._publisher = UnitPublisher(
            process.http,
            process.store,
            process.clock,
            link,
            namespace=settings.namespace,
            pace=PACE_SECONDS * settings.time_scale,
        )
        self.controller = Controller("publish", guarded(self._publisher.reconcile), workers=1)
        process.controllers.append(self.controller)
        process.watches[:] = [
            replace(watch, route=_with(watch.route, self.controller)) if watch.resource == POLICLOUD_UNIT else watch
            for watch in process.watches
        ]

    def link_changed(self) -> None:
        connected, self._connected = self._connected, self._link.state.connected
        if self._connected and not connected:
            self._publisher.reconnected()
            self.wake()

    def offer_changed(self, offer: Body) -> None:
        unit = str((offer.get("spec") or {}).get("unit") or "")
        if unit:
            self.controller.queue.add((self._namespace, unit))

    def wake(self) -> None:
        for key in self._publisher.everything():
            self.controller.queue.add(key)


def _with(route: Route, controller: Controller) -> Route:
    def both(body: Body) -> list[tuple[Controller, Key]]:
        mine = [] if body["metadata"].get("namespace", "").startswith(SITE_NAMESPACE_PREFIX) else [key_of(body)]
        return [*route(body), *((controller, key) for key in mine)]

    return both
