"""Which keys a changed object concerns: what the site's watches put into its queues. Only computes, never waits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from policloud.api import names, resources
from policloud.ports import Body
from policloud.reconcile.site.capacity import own_units
from policloud.reconcile.site.planner import PLAN_KEY
from policloud.reconcile.site.specs import pod_gpus
from policloud.runtime.store import Key, Store, key_of
from policloud.runtime.workers import Controller

Routed = Iterable[tuple[Controller, Key]]


@dataclass(frozen=True, slots=True)
class Controllers:
    """The site's own controllers."""

    sources: Controller
    units: Controller
    power: Controller
    workloads: Controller
    planner: Controller

    def all(self) -> tuple[Controller, ...]:
        return self.sources, self.units, self.power, self.workloads, self.planner


class Routes:
    """One method a kind. Units are few, so what may concern one is sent to all: keys coalesce."""

    def __init__(self, store: Store, controllers: Controllers) -> None:
        self._store = store
        self._to = controllers

    def source(self, body: Body) -> Routed:
        return [(self._to.sources, key_of(body))]

    def unit(self, body: Body) -> Routed:
        if (body.get("spec") or {}).get("published"):
            return []
        return [(self._to.units, key_of(body)), (self._to.power, key_of(body)), *self._units(), self._plan()]

    def node(self, _: Body) -> Routed:
        return [*self._units(), self._plan()]

    def pod(self, body: Body) -> Routed:
        """Only pods that hold GPUs count for units and plans."""
        return [*self._units(), self._plan()] if pod_gpus(body.get("spec") or {}) else []

    def workload(self, body: Body) -> Routed:
        return [(self._to.workloads, key_of(body)), *self._units(), self._plan()]

    def child(self, body: Body) -> Routed:
        meta = body["metadata"]
        for owner in meta.get("ownerReferences") or ():
            if owner.get("kind") == resources.SOVEREIGN_WORKLOAD.kind and owner.get("controller"):
                yield self._to.workloads, (meta["namespace"], owner["name"])
                if body.get("kind") == resources.JOB.kind:
                    yield self._plan()

    def claim(self, body: Body) -> Routed:
        meta = body["metadata"]
        name = (meta.get("labels") or {}).get(names.WORKLOAD_LABEL)
        return [(self._to.workloads, (meta["namespace"], name))] if name else []

    def quota(self, _: Body) -> Routed:
        return [self._plan()]

    def namespace(self, body: Body) -> Routed:
        """Labels of a namespace decide whose its workloads are, on a cluster with a hub."""
        inside = self._store.list(str(resources.SOVEREIGN_WORKLOAD), body["metadata"]["name"])
        return [(self._to.workloads, key_of(b)) for b in inside]

    def record(self, _: Body) -> Routed:
        """What is held for hubs counts as capacity."""
        return [*self._units(), self._plan()]

    def source_changed(self, key: Key) -> None:
        """What a source gives has changed in memory: the units that draw on it, and the plan."""
        for unit in own_units(self._store):
            if unit.key[0] == key[0] and key[1] in unit.sources:
                self._to.power.queue.add(unit.key)
                self._to.units.queue.add(unit.key)
        self._to.planner.queue.add(PLAN_KEY)

    def units_changed(self) -> None:
        """What every unit says of the site as a whole has changed."""
        for unit in own_units(self._store):
            self._to.units.queue.add(unit.key)

    def replan(self) -> None:
        self._to.planner.queue.add(PLAN_KEY)

    def _units(self) -> Iterator[tuple[Controller, Key]]:
        for unit in own_units(self._store):
            yield self._to.units, unit.key
            yield self._to.power, unit.key

    def _plan(self) -> tuple[Controller, Key]:
        return self._to.planner, PLAN_KEY
