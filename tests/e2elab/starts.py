"""Which pods of a tenant's workload were ever started, on all sites: audit logs forget none that is gone again."""

from __future__ import annotations

from e2elab.cluster import Body
from e2elab.fleet import Fleet
from e2elab.state import until

_FEDERATED = "fed-"  # how the namespaces begin that a site makes for federated work


class Starts:
    """Of the workload `name`, since this object was made."""

    def __init__(self, fleet: Fleet, name: str) -> None:
        self._fleet, self._name = fleet, name
        self._before = self._all()

    def count(self, wanted: int) -> int:
        """How many; looked at once `wanted` are in the logs, which lag by a blink. More: something ran twice."""
        until(lambda: len(self._since()) >= wanted, 30, what=f"{wanted} pods of {self._name} start", seen=self._since)
        return len(self._since())

    def _since(self) -> frozenset[str]:
        return self._all() - self._before

    def _all(self) -> frozenset[str]:
        """SITE/POD of every pod that the scheduler has given a node."""
        return frozenset(
            f"{site}/{event['objectRef']['name']}"
            for site, cluster in self._fleet.sites.items()
            for event in cluster.audit()
            if self._starts(event)
        )

    def _starts(self, event: Body) -> bool:
        what = event.get("objectRef") or {}
        return (
            (event["verb"], what.get("resource"), what.get("subresource")) == ("create", "pods", "binding")
            and what["namespace"].startswith(_FEDERATED)
            and what["name"].startswith(f"{self._name}-")
        )
