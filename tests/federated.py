"""A hub's and some sites' federation logic in one process, on any Cluster: stepped by a test, killed by a test.

What the site's own planner would do is played here: what is granted runs at once. Everything else is the product.
"""

from __future__ import annotations

import contextlib
import itertools
import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from bodies import HUB, SYSTEM, published, ran
from policloud.adapters.kube.caching import StoringCluster
from policloud.api import names, resources
from policloud.api.resources import Resource
from policloud.domain.energy.freshness import Quality
from policloud.domain.federation.answers import AnswerTimes
from policloud.domain.federation.keys import SigningKey
from policloud.domain.federation.liveness import LivenessSettings
from policloud.domain.federation.signing import sign
from policloud.domain.federation.view import Times
from policloud.hub.settings import HubSettings
from policloud.hub.wiring import build
from policloud.ports import Body, Clock, Cluster, ConflictError, NotFoundError
from policloud.reconcile.base import guarded
from policloud.reconcile.hub.sites import Sites
from policloud.reconcile.hub.term import HubTerm
from policloud.reconcile.hub.workload import WorkloadReconciler
from policloud.reconcile.site.book import SourceBook, SourceState
from policloud.reconcile.site.capacity import CapacityReader
from policloud.reconcile.site.context import Site
from policloud.reconcile.site.federation import HUB_OFFERS, Federation, held_entries, promises
from policloud.reconcile.site.journal import Journal
from policloud.reconcile.site.mandates import MandateReconciler
from policloud.reconcile.site.observed import add_indices
from policloud.reconcile.site.offers import OfferReconciler
from policloud.runtime.outcome import Outcome
from policloud.runtime.store import Key, Store, key_of

_numbers = itertools.count(1)


class QuickHub(HubSettings):
    """Times for a machine that does other things too: short where a test waits, long where it must not."""

    @property
    def liveness(self) -> LivenessSettings:
        return LivenessSettings(renew=0.05, unreachable=10.0, free_moves=20.0, startup_hold=0.1)

    @property
    def times(self) -> Times:
        return Times(
            answer_within=timedelta(seconds=0.5),
            ask_again=timedelta(seconds=0.3),
            keep_withdrawn=timedelta(seconds=20),
            resumes_soon=timedelta(seconds=1),
        )


class Silent:
    """A Recorder that keeps what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []

    def event(self, regarding: Body, *, type_: str, reason: str, message: str) -> None:  # noqa: ARG002
        self.told.append((reason, message))


async def sync(cluster: Cluster, store: Store, resource: Resource, namespace: str | None, kind: str) -> None:
    """What a watch would tell: the whole kind as it is now."""
    before = {key_of(b): b["metadata"]["uid"] for b in store.list(kind, namespace)}
    listed = (await cluster.list(resource, namespace)).items
    there = {key_of(b) for b in listed}
    for body in listed:
        store.upsert(kind, body)
    for key, uid in before.items():  # what was written while the list was on its way is not in it, and not gone
        if key not in there:
            store.remove(kind, key, uid)
    store.mark_synced(kind)


class HubProcess:
    """One life of a hub's process."""

    KINDS = (
        resources.SITE_MEMBERSHIP,
        resources.POLICLOUD_UNIT,
        resources.WORK_OFFER,
        resources.SOVEREIGN_WORKLOAD,
    )
    RARE = frozenset({resources.SITE_MEMBERSHIP})

    def __init__(
        self,
        cluster: Cluster,
        clock: Clock,
        *,
        quick: bool = False,
        tenants: Iterable[str] = (),
        only: Iterable[str] = (),
    ) -> None:
        """`tenants`, `only`: the namespaces and sites it knows, where several hubs share an API server."""
        self.cluster, self.clock, self.store = cluster, clock, Store()
        self.tenants, self.only = tuple(tenants), tuple(only)
        self.listed: set[Resource] = set()  # once a life is enough
        for resource in self.KINDS:
            self.store.track(str(resource), lambda _: True)
        settings = (QuickHub if quick else HubSettings)(hub_id=HUB)
        self.recorder = Silent()
        self.sites = Sites(self.store, clock, settings.liveness)
        self.hub, self.orphans = build(
            settings,
            cluster=StoringCluster(cluster, self.store),
            store=self.store,
            clock=clock,
            sites=self.sites,
            term=HubTerm(cluster, SYSTEM),
            recorder=self.recorder,
        )
        self.workloads = WorkloadReconciler(self.hub)
        self.reconcile = guarded(self.workloads.reconcile)

    async def sync(self) -> None:
        for resource in self.KINDS:
            spaces: list[str | None] = [None]
            if resource == resources.SOVEREIGN_WORKLOAD and self.tenants:
                spaces = [*self.tenants]
            elif resource != resources.SOVEREIGN_WORKLOAD and self.only:
                spaces = [f"site-{name}" for name in self.only]
            if resource in self.listed:
                continue
            for namespace in spaces:
                await sync(self.cluster, self.store, resource, namespace, str(resource))
            if resource in self.RARE and self.only:
                self.listed.add(resource)

    def hear(self, *sites: str) -> None:
        """These sites renew their Leases; a first sight proves nothing, so each is seen twice."""
        for site in sites:
            for _ in range(2):
                meta = {"namespace": f"site-{site}", "name": "policloud-site", "resourceVersion": str(next(_numbers))}
                self.sites.heard(
                    {"metadata": meta, "spec": {"holderIdentity": site, "renewTime": meta["resourceVersion"]}}
                )

        for site in self.sites.silent():
            if site not in sites:
                self.sites.confirmed_quiet(site, self.clock.monotonic())

    def keys(self) -> list[Key]:
        """Every workload there is, or of which offers are left."""
        kind = str(resources.SOVEREIGN_WORKLOAD)
        found = set(self.store.keys(kind))
        for offer in self.hub.book.all():
            found.add((offer.workload.namespace, offer.workload.name))
        return sorted(k for k in found if not self.tenants or k[0] in self.tenants)

    async def step(self) -> list[Outcome]:
        await self.sync()
        return [await self.reconcile(key) for key in self.keys()]


class SiteProcess:
    """One life of a site's process, as far as offers are concerned."""

    KINDS = (
        resources.SOVEREIGN_WORKLOAD,
        resources.CONFIG_MAP,
        resources.SITE_MANDATE,
        resources.POLICLOUD_UNIT,
        resources.NODE,
        resources.NAMESPACE,
    )

    def __init__(
        self,
        name: str,
        cluster: Cluster,
        hub: Cluster,
        clock: Clock,
        key: SigningKey,
        *,
        system: str = SYSTEM,
        scale: float = 1.0,
    ) -> None:
        self.name, self.cluster, self.hub, self.clock, self.store = name, cluster, hub, clock, Store()
        self.namespace = f"site-{name}"
        self.watched = set(self.KINDS)
        self._published: dict[str, dict[str, Any]] = {}
        add_indices(self.store)
        for resource in self.KINDS:
            self.store.track(str(resource), lambda _: True)
        self.store.track(HUB_OFFERS, lambda _: True)
        storing = StoringCluster(cluster, self.store)
        self.book = SourceBook()
        self.site = Site(
            name=name,
            cluster=storing,
            store=self.store,
            clock=clock,
            book=self.book,
            capacity=CapacityReader(self.store, self.book, ours=lambda _: True),
            recorder=Silent(),
        )
        self.journal = Journal(storing, self.store, system)
        self.site.capacity.promises = lambda: promises(self.journal)
        self.federation = Federation(
            hub_id=lambda: HUB,
            site=self.site,
            cluster=StoringCluster(hub, self.store, prefix="hub/"),
            journal=self.journal,
            sign=lambda statement: sign(key, statement),
            restricted=lambda _: cluster,
            times=AnswerTimes().scaled(scale),
            stop_notice=30.0 * scale,
        )
        self.offers = OfferReconciler(self.federation)
        self.reconcile = guarded(self.offers.reconcile)
        self.mandates = MandateReconciler(self.site, self.journal, lambda _: None, notice_scale=scale)

    async def sync(self, *, hub: bool = True) -> None:
        """What rarely changes is listed once a life, unless `watched` has it."""
        for resource in self.KINDS:
            if resource in self.watched or not self.store.synced(str(resource)):
                await sync(self.cluster, self.store, resource, None, str(resource))
        if hub:
            await sync(self.hub, self.store, resources.WORK_OFFER, self.namespace, HUB_OFFERS)
        for unit in self.store.list(str(resources.POLICLOUD_UNIT)):
            for source in unit["spec"]["electrical"]["sources"]:
                self.book.put((unit["metadata"]["namespace"], source), _source(self.clock))

    def keys(self) -> list[Key]:
        held = {(h.offer.offer_namespace, h.offer.offer_name) for h in self.journal.all()}
        return sorted(held | {*self.store.keys(HUB_OFFERS)})

    def open_keys(self) -> list[Key]:
        """Offers of which something is held or being answered."""
        found = (h for h in self.journal.all() if h.released_at is None)
        return sorted({(h.offer.offer_namespace, h.offer.offer_name) for h in found})

    async def step(self, *, hub: bool = True) -> list[Outcome]:
        """Everything once: offers, what was granted, mandates, and what the hub is to know of the units."""
        await self.sync(hub=hub)
        outcomes = [await self.reconcile(key) for key in self.keys()]
        await self.play()
        return outcomes

    def local(self) -> list[Body]:
        found = self.store.list(str(resources.SOVEREIGN_WORKLOAD))
        carried = ((b, (b["metadata"].get("annotations") or {}).get(names.OFFER_ANNOTATION)) for b in found)
        return [b for b, raw in carried if raw and json.loads(raw)["offerNamespace"] == self.namespace]

    async def play(self) -> None:
        """The site's planner and kubelets: what is asked for locally runs."""
        await sync(self.cluster, self.store, resources.SOVEREIGN_WORKLOAD, None, str(resources.SOVEREIGN_WORKLOAD))
        for body in self.local():
            status = ran(body, self.name)
            if body.get("status", {}).get("placements") != status["placements"]:
                meta = {"name": body["metadata"]["name"], "namespace": body["metadata"]["namespace"]}
                wanted = {"apiVersion": body["apiVersion"], "kind": body["kind"], "metadata": meta, "status": status}
                try:
                    await self.site.cluster.apply_status(resources.SOVEREIGN_WORKLOAD, wanted, manager="player")
                except NotFoundError:
                    continue

    async def publish(self) -> None:
        """The published copies on the hub, as the link would write them."""
        capacity = self.site.capacity.read()
        for unit in capacity.units.values():
            if unit.spec.key[0] != self.journal.namespace:
                continue  # of another lane on the same API server
            body = published(unit.spec.body, self.namespace)
            if unit.name not in self._published:
                with contextlib.suppress(ConflictError):
                    await self.hub.create(resources.POLICLOUD_UNIT, body)
            free = [f for p in unit.pools for f in p.free_by_node.values()]
            status = {
                "gpus": {"total": sum(p.gpus for p in unit.pools)},
                "pools": [
                    {
                        "name": p.spec.name,
                        "gpus": p.gpus,
                        "freeByNode": [{"free": f, "nodes": free.count(f)} for f in sorted(set(free))],
                    }
                    for p in unit.pools
                ],
                "power": {"freeWatts": unit.free_watts, "limitWatts": unit.spec.limit_watts},
                "held": held_entries(self.journal, unit.name),
            }
            if self._published.get(unit.name) == status:
                continue
            wanted = {**body, "status": status}
            del wanted["spec"]
            await self.hub.apply_status(resources.POLICLOUD_UNIT, wanted, manager=names.SITE_MANAGER)
            self._published[unit.name] = status


def _source(clock: Clock) -> SourceState:
    return SourceState(50_000, Quality.GOOD, "Good", "", clock.now())
