"""What the site's side of offers shares: one hub, as this site deals with it."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from policloud.api.resources import WORK_OFFER, Resource
from policloud.domain.federation.answers import AnswerTimes
from policloud.domain.federation.held import Held
from policloud.domain.federation.signing import Statement
from policloud.ports import Body, Cluster
from policloud.reconcile.site.context import Site
from policloud.reconcile.site.holdings import Promise
from policloud.reconcile.site.journal import Journal
from policloud.reconcile.site.specs import WorkloadSpec
from policloud.runtime.store import Key

HUB_OFFERS = f"hub/{WORK_OFFER}"
_CUT = 48


class HubCluster(Protocol):
    """What this side needs of the hub's API server."""

    async def get(self, resource: Resource, namespace: str | None, name: str) -> Body: ...

    async def merge_patch(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        patch: Mapping[str, Any],
        *,
        subresource: str | None = None,
        manager: str | None = None,
    ) -> Body: ...


@dataclass(slots=True)
class Federation:
    """`cluster` speaks to the hub under the site's token and stores what writes return under "hub/…".

    `hub_id()`: the hub that this site is joined to now, "" while it is to none. `restricted(workload)`: credentials
    for children of federated work.
    """

    hub_id: Callable[[], str]
    site: Site
    cluster: HubCluster
    journal: Journal
    sign: Callable[[Statement], str]
    restricted: Callable[[WorkloadSpec], Cluster]
    times: AnswerTimes = field(default_factory=AnswerTimes)
    stop_notice: float = 30.0  # seconds of a Drain where the content states none
    acceptance: Callable[[], str] = lambda: secrets.token_urlsafe(16)


def federated_namespace(hub: str, tenant: str) -> str:
    """`fed-<hub and tenant, cut to 48>-<8 hex of sha256(hub/tenant)>`."""
    digest = hashlib.sha256(f"{hub}/{tenant}".encode()).hexdigest()[:8]
    return f"fed-{f'{hub}-{tenant}'[:_CUT].rstrip('-.')}-{digest}"


def local_key(held: Held) -> Key:
    """The local SovereignWorkload that carries an offer out: it has the offer's name."""
    return federated_namespace(held.offer.hub, held.offer.workload.namespace), held.offer.offer_name


def promises(journal: Journal) -> list[Promise]:
    """What capacity must keep for offers, until their local objects show it.

    One that is leaving promises nothing: its object is granted what it still has, and once that is deleted only its
    pods draw. Counted in full beside them, a release would look like a shortage and stop other work.
    """
    found = []
    for held in journal.all():
        if held.drain_until is not None:
            continue
        keep = held.reserved
        if keep.replicas or keep.gpus or keep.watts:
            sequence = held.pledge.sequence if held.pledge else held.sequence
            found.append(
                Promise(local_key(held), held.offer.unit, keep.replicas, keep.gpus, keep.watts, sequence=sequence)
            )
    return found


def held_entries(journal: Journal, unit: str) -> list[Body]:
    """`status.held` of a unit: what it holds for hubs, acceptances on their way included; one entry a workload.

    A workload deleted and made anew under its name may still be leaving: of the two the one that stays is told.
    """
    newest: dict[tuple[str, str, str], Held] = {}
    for held in sorted(journal.all(), key=_age):
        if held.offer.unit == unit and held.reserved.replicas:
            newest[held.offer.hub, held.offer.workload.namespace, held.offer.workload.name] = held
    entries = []
    for held in sorted(newest.values(), key=lambda h: h.offer.offer_name):
        keep = held.reserved
        acceptance = held.acceptance or (held.pledge.acceptance if held.pledge else "")
        entries.append(
            {
                "hub": held.offer.hub,
                "namespace": held.offer.workload.namespace,
                "name": held.offer.workload.name,
                "uid": held.offer.workload.uid,
                "offer": held.offer.offer_name,
                "acceptance": acceptance,
                "replicas": keep.replicas,
                "gpus": keep.gpus,
                "watts": keep.watts,
            }
        )
    return entries[:512]


def _age(held: Held) -> tuple[int, int]:
    """Greater is younger: sequences of one hub grow within an epoch."""
    return held.epoch, max(held.sequence, held.pledge.sequence if held.pledge else 0)
