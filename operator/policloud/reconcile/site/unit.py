"""PolicloudUnit: finds its nodes, marks them as its own, follows them, and says how the unit is."""

from __future__ import annotations

from collections.abc import Mapping

from policloud.api import names
from policloud.api.resources import ENERGY_SOURCE, NODE, POLICLOUD_UNIT
from policloud.domain.conditions import Condition, merge
from policloud.ports import Body, ConflictError, NotFoundError
from policloud.reconcile.base import needs_write
from policloud.reconcile.site import unit_status
from policloud.reconcile.site.capacity import own_units
from policloud.reconcile.site.context import Site
from policloud.reconcile.site.holdings import Capacity, UnitState
from policloud.reconcile.site.marks import mark, unmark
from policloud.reconcile.site.objects import set_finalizer, status_body
from policloud.reconcile.site.specs import UnitSpec, rfc3339, unit_spec
from policloud.reconcile.site.unit_conditions import ready_conditions
from policloud.runtime.outcome import Done, Outcome, RequeueAfter
from policloud.runtime.store import Key

_KIND = str(POLICLOUD_UNIT)
_PACE_SECONDS = 1.0


class UnitReconciler:
    """One PolicloudUnit of this site by key; copies published by others are not touched."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._written: dict[Key, float] = {}

    async def reconcile(self, key: Key) -> Outcome:
        body = self._site.store.get(_KIND, key)
        if body is None or (body.get("spec") or {}).get("published"):
            self._written.pop(key, None)
            return Done()
        spec = unit_spec(body)
        twin = next((u for u in own_units(self._site.store) if u.name == spec.name and u.key != key), None)
        if twin is not None:
            return await self._duplicate(body, spec, twin)
        if not spec.deleting:
            await set_finalizer(self._site.cluster, POLICLOUD_UNIT, body, present=True)
        capacity = self._site.capacity.read()
        state = capacity.units[spec.name]
        if spec.deleting and drained(state):
            return await self._let_go(body, state)
        if not spec.deleting:
            # A unit on its way out marks nothing: its nodes bear its marks until the last of its work has left.
            await self._mark_nodes(state)
        return await self._report(self._site.store.get(_KIND, key) or body, capacity, state)

    async def _mark_nodes(self, state: UnitState) -> None:
        """Labels and taints, node by node; a node that moved on meanwhile comes back with its next event."""
        busy = _busy_nodes(self._site, state)
        for node in state.nodes:
            gone = node.leaving and node.name not in busy
            patch = unmark(node.body) if gone else mark(node, closed=node.name in state.closed)
            await self._patch_node(node.body, patch)

    async def _patch_node(self, node: Body, patch: Body | None) -> None:
        if patch is None:
            return
        try:
            await self._site.cluster.merge_patch(
                NODE, None, node["metadata"]["name"], patch, manager=names.SITE_MANAGER
            )
        except (ConflictError, NotFoundError):
            return

    async def _let_go(self, body: Body, state: UnitState) -> Outcome:
        for node in state.nodes:
            patch = unmark(node.body)
            if patch is not None:
                try:
                    await self._site.cluster.merge_patch(NODE, None, node.name, patch, manager=names.SITE_MANAGER)
                except NotFoundError:
                    continue
        await set_finalizer(
            self._site.cluster, POLICLOUD_UNIT, self._site.store.get(_KIND, state.spec.key) or body, present=False
        )
        return Done()

    async def _report(self, body: Body, capacity: Capacity, state: UnitState) -> Outcome:
        wanted = self._status(body, capacity, state)
        if not needs_write(body, wanted, manager=names.SITE_MANAGER, subresource="status"):
            return Done()
        now = self._site.clock.monotonic()
        since = now - self._written.get(state.spec.key, float("-inf"))
        if since < _PACE_SECONDS:
            return RequeueAfter(_PACE_SECONDS - since, "paced")
        await self._site.cluster.apply_status(POLICLOUD_UNIT, wanted, manager=names.SITE_MANAGER)
        self._written[state.spec.key] = now
        return Done()

    def _status(self, body: Body, capacity: Capacity, state: UnitState) -> Body:
        site, spec = self._site, state.spec
        sources = [(s, site.capacity.source(spec, s)) for s in spec.sources if s not in state.unknown]
        numbers = unit_status.counts(state)
        link = site.link()
        conditions = [*ready_conditions(capacity, state, sources), link.condition()]
        existing = (body.get("status") or {}).get("conditions") or ()
        status: Body = {
            "observedGeneration": spec.generation,
            "conditions": merge(existing, conditions, generation=spec.generation, now=rfc3339(site.clock.now())),
            "pools": unit_status.pools(state),
            **numbers,
            "summary": unit_status.summary(state, numbers),
            "hub": {"connected": link.connected},
        }
        if energy := unit_status.energy(state, sources, self._source_types(spec)):
            status["energy"] = energy
        if held := list(site.held(spec.name)):
            status["held"] = held
        if link.hub_id:
            status["hub"]["id"] = link.hub_id
        if link.last_contact is not None:
            status["hub"]["lastContact"] = rfc3339(link.last_contact)
        return status_body(POLICLOUD_UNIT, body, status)

    def _source_types(self, spec: UnitSpec) -> Mapping[str, str]:
        found = {s: self._site.store.get(str(ENERGY_SOURCE), (spec.key[0], s)) for s in spec.sources}
        return {s: b["spec"]["type"] for s, b in found.items() if b is not None}

    async def _duplicate(self, body: Body, spec: UnitSpec, twin: UnitSpec) -> Outcome:
        """Names of units are labels on nodes and places in every workload: one site has each once."""
        message = (
            f"PolicloudUnit {twin.key[0]}/{twin.name} has this name already, and a unit's name is unique in its site: "
            "delete one of the two and apply it under another name"
        )
        conditions = [
            Condition("Ready", "False", "DuplicateName", message),
            Condition("Reconciling", "False", "DuplicateName"),
            Condition("Stalled", "True", "DuplicateName", message),
            Condition("PoolsMatched", "Unknown", "DuplicateName"),
        ]
        existing = (body.get("status") or {}).get("conditions") or ()
        now = rfc3339(self._site.clock.now())
        merged = merge(existing, conditions, generation=spec.generation, now=now)
        wanted = status_body(POLICLOUD_UNIT, body, {"observedGeneration": spec.generation, "conditions": merged})
        if needs_write(body, wanted, manager=names.SITE_MANAGER, subresource="status"):
            await self._site.cluster.apply_status(POLICLOUD_UNIT, wanted, manager=names.SITE_MANAGER)
        return RequeueAfter(self._site.timing.recheck, "duplicate name")


def drained(state: UnitState) -> bool:
    """No work of ours is granted or bound on the unit any more."""
    return not any(h.replicas or h.gpus for h in state.holdings)


def _busy_nodes(site: Site, state: UnitState) -> set[str]:
    """Nodes with pods that hold GPUs: their marks stay until these are gone."""
    from policloud.api.resources import POD  # noqa: PLC0415
    from policloud.reconcile.site.nodes import bound_pod  # noqa: PLC0415

    here = {n.name for n in state.nodes}
    return {p.node for b in site.store.list(str(POD)) if (p := bound_pod(b)) is not None and p.node in here}


def source_drained(site: Site, key: Key) -> bool:
    """Whether the units that name a source fit without it: what is being deleted counts as no power already."""
    units = [u for u in site.capacity.read().units.values() if u.spec.key[0] == key[0] and key[1] in u.spec.sources]
    return all(u.power is not None and (not u.power.short or u.power.used == u.power.base) for u in units)
