"""`status.placements` as values: what was granted to a workload, where. The grant is written before anything runs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from policloud.api import names
from policloud.ports import Body

PENDING, RUNNING, SUSPENDED, DRAINING = "Pending", "Running", "Suspended", "Draining"


@dataclass(frozen=True, slots=True)
class Placement:
    """So many replicas on a unit. Suspended: none now, the place is remembered. Draining: to end soon."""

    site: str
    unit: str
    replicas: int
    state: str = PENDING
    ready: int = 0
    watts: int = 0
    offer: str | None = None
    since: str = ""

    @classmethod
    def parse(cls, raw: Mapping[str, Any]) -> Placement:
        return cls(
            site=raw.get("site", ""),
            unit=raw["unit"],
            replicas=int(raw.get("replicas", 0)),
            state=raw.get("state", PENDING),
            ready=int(raw.get("readyReplicas", 0)),
            watts=int(raw.get("watts", 0)),
            offer=raw.get("offer"),
            since=raw.get("since", ""),
        )

    def body(self) -> dict[str, Any]:
        raw: dict[str, Any] = {
            "site": self.site,
            "unit": self.unit,
            "replicas": self.replicas,
            "readyReplicas": self.ready,
            "state": self.state,
            "watts": self.watts,
        }
        if self.offer:
            raw["offer"] = self.offer
        if self.since:
            raw["since"] = self.since
        return raw

    def to(self, replicas: int, state: str, now: str) -> Placement:
        """With another grant; `since` moves with the state."""
        return replace(self, replicas=replicas, state=state, since=self.since if state == self.state else now)


def placements(body: Body) -> tuple[Placement, ...]:
    """Those that a SovereignWorkload's status holds, in its order."""
    raw: Iterable[Mapping[str, Any]] = (body.get("status") or {}).get("placements") or ()
    return tuple(Placement.parse(p) for p in raw if p.get("unit"))


@dataclass(frozen=True, slots=True)
class OfferRef:
    """Which offer a federated workload carries out: the annotation that the answering side wrote."""

    name: str
    unit: str
    sequence: int
    hub: str


def offer_ref(body: Body) -> OfferRef | None:
    """None for local work. ValueError never: an annotation that is not ours to read counts as an unknown unit."""
    raw = (body["metadata"].get("annotations") or {}).get(names.OFFER_ANNOTATION)
    if raw is None:
        return None
    try:
        data = json.loads(raw)
        return OfferRef(
            str(data.get("offer", "")),
            str(data.get("unit", "")),
            int(data.get("sequence", 0)),
            str(data.get("hub", "")),
        )
    except (ValueError, TypeError, AttributeError):
        return OfferRef("", "", 0, "")
