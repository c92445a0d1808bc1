"""Puts one hub process together: store, clients, reconcilers, watches, leadership, the identity endpoint."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from policloud.adapters.clock import SystemClock
from policloud.adapters.events import EventRecorder
from policloud.adapters.kube.caching import StoringCluster
from policloud.adapters.kube.client import HttpCluster
from policloud.adapters.kube.connection import Connection
from policloud.adapters.kube.lease import ClusterLease
from policloud.adapters.metrics import Metrics
from policloud.adapters.probe import MetricsGuard, ProbeServer
from policloud.adapters.requirements import needs_of
from policloud.adapters.shell import Background, Operator, Watch
from policloud.api import resources
from policloud.api.names import SITE_LABEL
from policloud.domain.placement.model import UnitView
from policloud.domain.placement.solve import GreedySolver
from policloud.hub.identity.setup import Identity, IdentitySettings
from policloud.hub.info import HubInfo, publish_hub_info
from policloud.hub.routes import Controllers, Routes
from policloud.hub.settings import HubSettings
from policloud.ports import ApiError, Clock, Cluster, Recorder
from policloud.reconcile.base import guarded
from policloud.reconcile.hub.echo import EchoCheck
from policloud.reconcile.hub.gaps import Gaps
from policloud.reconcile.hub.membership import MembershipReconciler
from policloud.reconcile.hub.offerbook import OfferBook
from policloud.reconcile.hub.orphans import Orphans
from policloud.reconcile.hub.planner import Planner
from policloud.reconcile.hub.sites import Sites
from policloud.reconcile.hub.snapshot import Units
from policloud.reconcile.hub.sweep import LivenessSweep
from policloud.reconcile.hub.term import HubTerm
from policloud.reconcile.hub.workload import Hub, WorkloadReconciler
from policloud.reconcile.hub.writer import OfferWriter
from policloud.reconcile.pause import pause
from policloud.runtime.lease import LeaseElector
from policloud.runtime.store import Store
from policloud.runtime.workers import Controller

_LEADER_LEASE = "policloud-hub"
_RETRY_SECONDS = 2.0


@dataclass(slots=True)
class Process:
    """A hub process before it runs."""

    settings: HubSettings
    connection: Connection
    store: Store
    clock: Clock
    metrics: Metrics
    http: HttpCluster
    cluster: Cluster
    hub: Hub
    controllers: Controllers
    watches: list[Watch]
    background: list[Background] = field(default_factory=list)  # by the leader
    always: list[Background] = field(default_factory=list)  # by every replica


def connect(settings: HubSettings) -> Connection:
    """From the kubeconfig, else from the pod's service account. ConnectionConfigError if neither works."""
    if settings.kubeconfig is not None:
        return Connection.from_kubeconfig(settings.kubeconfig, settings.context)
    return Connection.in_cluster()


def assemble(settings: HubSettings, *, connection: Connection | None = None, clock: Clock | None = None) -> Process:
    connection, clock = connection or connect(settings), clock or SystemClock()
    store, metrics = Store(), Metrics()
    http = HttpCluster(connection, metrics=metrics)
    cluster = StoringCluster(http, store)
    recorder = EventRecorder(
        http, clock=clock, component="policloud-hub", instance=settings.instance, result=metrics.event
    )
    term = HubTerm(http, settings.namespace)
    sites = Sites(store, clock, settings.liveness)
    hub, orphans = build(settings, cluster=cluster, store=store, clock=clock, sites=sites, term=term, recorder=recorder)
    workloads = WorkloadReconciler(hub)
    echo = EchoCheck(http, store, sites, term)
    memberships = MembershipReconciler(cluster, store, sites=sites, clock=clock, recorder=recorder, echo=echo)
    controllers = Controllers(
        workloads=Controller("workloads", guarded(workloads.reconcile), workers=32),
        memberships=Controller("memberships", guarded(memberships.reconcile), workers=4),
        orphans=Controller("orphans", guarded(orphans.reconcile), workers=1),
    )
    routes = Routes(controllers, sites, hub.book, lambda: workloads.waiting, echoed=echo.heard)
    process = Process(
        settings=settings,
        connection=connection,
        store=store,
        clock=clock,
        metrics=metrics,
        http=http,
        cluster=cluster,
        hub=hub,
        controllers=controllers,
        watches=_watches(routes),
    )
    process.background += [LivenessSweep(http, sites, clock, routes.site_changed).run, recorder.run]
    process.always += _always(process)
    return process


def build(
    settings: HubSettings,
    *,
    cluster: Cluster,
    store: Store,
    clock: Clock,
    sites: Sites,
    term: HubTerm,
    recorder: Recorder,
) -> tuple[Hub, Orphans]:
    """The offers' side of the hub, on any Cluster."""
    book, gaps = OfferBook(store, sites), Gaps(store)

    def units() -> tuple[UnitView, ...]:
        return seen.views()

    planner = Planner(clock, GreedySolver(), units)
    seen = Units(store, sites, book, hub=settings.hub_id, extra=lambda: [*planner.pending(), *gaps.pending()])
    orphans = Orphans(store, recorder, hub=settings.hub_id)
    writer = OfferWriter(
        cluster, store, clock, book, hub=settings.hub_id, epoch=lambda: term.epoch, times=settings.times
    )

    async def prepare() -> None:
        if term.epoch == 0:
            await term.load()

    hub = Hub(
        id=settings.hub_id,
        cluster=cluster,
        store=store,
        clock=clock,
        sites=sites,
        book=book,
        planner=planner,
        writer=writer,
        recorder=recorder,
        times=settings.times,
        pace=settings.pace,
        local_site=settings.with_site,
        adopted=orphans.adopted,
        prepare=prepare,
    )
    return hub, orphans


def operator(process: Process) -> Operator:
    """The process as something that runs until SIGTERM."""
    settings = process.settings
    probe = ProbeServer(settings.probe_listen, metrics=process.metrics, guard=MetricsGuard(process.http, process.clock))
    elector = None
    if settings.leader_election:
        lease = ClusterLease(process.http, settings.namespace, _LEADER_LEASE, clock=process.clock)
        elector = LeaseElector(lease, settings.instance)
    return Operator(
        name="policloud-hub",
        connection=process.connection,
        cluster=process.http,
        store=process.store,
        clock=process.clock,
        controllers=process.controllers.all(),
        watches=process.watches,
        probe=probe,
        elector=elector,
        needs=needs_of("hub", settings.namespace),
        background=process.background,
        always=process.always,
    )


def _watches(routes: Routes) -> list[Watch]:
    return [
        Watch(resources.SITE_MEMBERSHIP, routes.membership),
        Watch(resources.POLICLOUD_UNIT, routes.unit),
        Watch(resources.WORK_OFFER, routes.offer),
        Watch(resources.SOVEREIGN_WORKLOAD, routes.workload),
        Watch(resources.LEASE, routes.lease, label_selector=SITE_LABEL),
    ]


def _always(process: Process) -> list[Background]:
    settings = process.settings
    tasks: list[Background] = []
    if settings.identity_certificate is not None and settings.identity_key is not None:
        identity = IdentitySettings(
            hub_id=settings.hub_id,
            url=settings.identity_url,
            listen=settings.identity_listen,
            certificate=settings.identity_certificate,
            key=settings.identity_key,
            namespace=settings.namespace,
        )
        tasks.append(Identity(process.http, process.clock, identity).run)
        tasks.append(_publish_info(process))
    return tasks


def _publish_info(process: Process) -> Background:
    """Where this hub is, for `policloud hub invite`: written once, as soon as the API server takes it."""
    settings = process.settings
    parts = [process.connection.ca_pem or ""]
    if settings.identity_ca is not None:
        parts.append(settings.identity_ca.read_text())
    trust = "\n".join(dict.fromkeys(p.strip() for p in parts if p.strip())) + "\n"
    info = HubInfo(settings.hub_id, settings.api_url or process.connection.server, settings.identity_url, trust)

    async def publish(stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                await publish_hub_info(process.http, settings.namespace, info)
            except ApiError:
                await pause(process.clock, stop, _RETRY_SECONDS)
            else:
                return

    return publish
