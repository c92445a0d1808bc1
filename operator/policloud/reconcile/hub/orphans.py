"""What sites hold for this hub and the hub has no offer for: adopted where its workload is there, else shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from policloud.api.names import SITE_NAMESPACE_PREFIX
from policloud.api.resources import POLICLOUD_UNIT, SITE_MEMBERSHIP, SOVEREIGN_WORKLOAD
from policloud.ports import Body, Recorder
from policloud.reconcile.hub.offerbook import KIND
from policloud.reconcile.hub.sites import site_of
from policloud.runtime.outcome import Done, Outcome
from policloud.runtime.store import Key, Store

ORPHANED = "Orphaned"
_UNITS, _WORKLOADS = str(POLICLOUD_UNIT), str(SOVEREIGN_WORKLOAD)
_INDEX = "held"


@dataclass(frozen=True, slots=True)
class HeldWork:
    """One entry of a published unit's status.held."""

    site: str
    unit: str
    workload: Key
    offer: str
    replicas: int


class Orphans:
    """Nothing here is ever released: that is the platform team's to decide (`kubectl policloud why` shows it)."""

    def __init__(self, store: Store, recorder: Recorder, *, hub: str) -> None:
        self._store = store
        self._recorder = recorder
        self._hub = hub
        store.add_index(_UNITS, _INDEX, lambda body: [h.workload for h in self._held(body)])

    def adopted(self, workload: Key) -> dict[str, int]:
        """Replicas by unit that sites hold for that workload without an offer: never to be started again."""
        found: dict[str, int] = {}
        for unit in self._store.by_index(_UNITS, _INDEX, workload):
            for held in self._held(unit):
                if held.workload == workload and not self._has_offer(held):
                    found[held.unit] = found.get(held.unit, 0) + held.replicas
        return found

    def orphaned(self, unit: Body) -> list[HeldWork]:
        """Work held on a unit that has neither an offer nor a SovereignWorkload."""
        return [
            h for h in self._held(unit) if not self._has_offer(h) and self._store.get(_WORKLOADS, h.workload) is None
        ]

    async def reconcile(self, key: Key) -> Outcome:
        """One published unit: say what is orphaned there."""
        unit = self._store.get(_UNITS, key)
        site = site_of(key[0])
        membership = self._store.get(str(SITE_MEMBERSHIP), (SITE_NAMESPACE_PREFIX + site, site)) if site else None
        if unit is None or membership is None:
            return Done()
        for h in self.orphaned(unit):
            message = (
                f"{h.unit} holds {h.replicas} replicas of {h.workload[0]}/{h.workload[1]}, which is not on this hub: "
                "apply that SovereignWorkload to have them adopted, or end them at the site"
            )
            self._recorder.event(membership, type_="Warning", reason=ORPHANED, message=message)
        return Done()

    def _has_offer(self, held: HeldWork) -> bool:
        return self._store.get(KIND, (SITE_NAMESPACE_PREFIX + held.site, held.offer)) is not None

    def _held(self, unit: Body) -> list[HeldWork]:
        site = site_of(unit["metadata"].get("namespace", ""))
        entries: Iterable[Mapping[str, Any]] = (unit.get("status") or {}).get("held") or ()
        if site is None or not (unit.get("spec") or {}).get("published"):
            return []
        return [
            HeldWork(
                site,
                unit["metadata"]["name"],
                (str(e.get("namespace", "")), str(e.get("name", ""))),
                str(e.get("offer", "")),
                int(e.get("replicas") or 0),
            )
            for e in entries
            if e.get("hub") == self._hub
        ]
