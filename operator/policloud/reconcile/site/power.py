"""Power status of a unit, in the governor's place: same fields, same field manager, until the governor runs.

Without a governor nothing caps a GPU, so a GPU in use counts with its rated draw and a host at its maximum.
"""

from __future__ import annotations

from policloud.api import names
from policloud.api.resources import POLICLOUD_UNIT
from policloud.domain.conditions import Condition, merge
from policloud.ports import Body
from policloud.reconcile.base import needs_write
from policloud.reconcile.site.context import Site
from policloud.reconcile.site.holdings import UnitState
from policloud.reconcile.site.objects import status_body
from policloud.reconcile.site.specs import rfc3339, unit_spec
from policloud.reconcile.site.text import watts_text
from policloud.reconcile.site.unit_status import Sources, fresh, power
from policloud.runtime.outcome import Done, Outcome, RequeueAfter
from policloud.runtime.store import Key

_KIND = str(POLICLOUD_UNIT)
_PACE_SECONDS = 2.0
_QUIET = ("sourceWatts", "availableWatts", "usedWatts", "freeWatts", "observedAt")


class PowerReconciler:
    """Writes status.power, BudgetHeld, TelemetryFresh and ActuatorsVerified of one unit by key."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._written: dict[Key, float] = {}

    async def reconcile(self, key: Key) -> Outcome:
        site = self._site
        body = site.store.get(_KIND, key)
        state = site.capacity.read().units.get(key[1]) if body is not None else None
        if body is None or state is None or state.spec.key != key:
            self._written.pop(key, None)
            return Done()
        wanted = self._wanted(body, state)
        if not needs_write(body, wanted, manager=names.GOVERNOR_MANAGER, subresource="status"):
            return Done()
        if self._trembles(body, wanted, state):
            return Done()
        since = site.clock.monotonic() - self._written.get(key, float("-inf"))
        if since < _PACE_SECONDS and not _verdict_changed(body, wanted):
            return RequeueAfter(_PACE_SECONDS - since, "paced")
        await site.cluster.apply_status(POLICLOUD_UNIT, wanted, manager=names.GOVERNOR_MANAGER)
        self._written[key] = site.clock.monotonic()
        return Done()

    def _wanted(self, body: Body, state: UnitState) -> Body:
        site, spec = self._site, unit_spec(body)
        now = site.clock.now()
        sources = [(s, site.capacity.source(spec, s)) for s in spec.sources if s not in state.unknown]
        conditions = [_budget(state), _telemetry(state, sources), _actuators()]
        existing = (body.get("status") or {}).get("conditions") or ()
        return status_body(
            POLICLOUD_UNIT,
            body,
            {
                "power": power(state, sources, now),
                "conditions": merge(existing, conditions, generation=spec.generation, now=rfc3339(now)),
            },
        )

    def _trembles(self, body: Body, wanted: Body, state: UnitState) -> bool:
        """Only watts of the source moved, by less than a per cent of the limit, and no verdict with them."""
        if _verdict_changed(body, wanted):
            return False
        old, new = (body.get("status") or {}).get("power") or {}, wanted["status"]["power"]
        if old.keys() != new.keys() or any(old[k] != new[k] for k in new if k not in _QUIET):
            return False
        if old.get("usedWatts") != new.get("usedWatts"):
            return False
        step = max(1, state.spec.limit_watts // 100)
        return abs(int(new.get("availableWatts", 0)) - int(old.get("availableWatts", 0))) < step and abs(
            int(new.get("sourceWatts", 0)) - int(old.get("sourceWatts", 0))
        ) < max(1, state.spec.limit_watts // 20)


def _verdict_changed(body: Body, wanted: Body) -> bool:
    old = {c["type"]: (c["status"], c["reason"], c.get("observedGeneration")) for c in _conditions(body)}
    return any(old.get(c["type"]) != (c["status"], c["reason"], c["observedGeneration"]) for c in _conditions(wanted))


def _conditions(body: Body) -> list[Body]:
    found: list[Body] = (body.get("status") or {}).get("conditions") or []
    return found


def _budget(state: UnitState) -> Condition:
    if state.power is None:
        names_ = ", ".join(state.unread)
        return Condition("BudgetHeld", "Unknown", "SourcesNotRead", f"not read yet: {names_}; nothing new is started")
    used, budget = watts_text(state.power.used), watts_text(state.power.available)
    if state.power.short:
        return Condition(
            "BudgetHeld",
            "False",
            "OverBudget",
            f"{used} at worst where {budget} may be drawn: work is shed, least important first; hosts and cooling "
            f"alone count {watts_text(state.power.base)}",
        )
    return Condition("BudgetHeld", "True", "WithinBudget", "")


def _telemetry(state: UnitState, sources: Sources) -> Condition:
    if state.unknown:
        message = f"no such EnergySource here: {', '.join(state.unknown)}"
        return Condition("TelemetryFresh", "False", "SourceUnknown", message)
    good, reason, message = fresh(sources)
    return Condition("TelemetryFresh", "True" if good else "False", reason, message)


def _actuators() -> Condition:
    return Condition(
        "ActuatorsVerified",
        "Unknown",
        "GovernorNotInstalled",
        "no power cap is set or read back: every GPU in use counts with its rated draw, every host at its maximum",
    )
