"""Plans that a predecessor wrote and did not carry out: what they ask counts as taken until their offers are there."""

from __future__ import annotations

from collections.abc import Iterable

from policloud.api.resources import SOVEREIGN_WORKLOAD
from policloud.domain.federation.content import Planned
from policloud.domain.placement.model import Reservation
from policloud.reconcile.hub.offerbook import KIND
from policloud.reconcile.hub.wanted import read_plan
from policloud.runtime.store import Store


class Gaps:
    """Looks through all plans once, when first asked (by then everything is listed); then only at what was missing.

    Plans of this process need no look: the planner keeps them reserved until they are carried out.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._missing: list[Planned] | None = None

    def pending(self) -> Iterable[tuple[str, str, Reservation]]:
        """(namespace, unit, reservation) of each planned offer that does not exist."""
        if self._missing is None:
            bodies = self._store.list(str(SOVEREIGN_WORKLOAD))
            self._missing = [p for b in bodies for p in read_plan(b)]
        self._missing = [p for p in self._missing if self._store.get(KIND, (p.namespace, p.name)) is None]
        for p in self._missing:
            size = p.demand.gpus // p.demand.replicas if p.demand.replicas else 0
            yield p.namespace, p.unit, Reservation(p.demand.products, size, p.demand.replicas, p.demand.max_watts)
