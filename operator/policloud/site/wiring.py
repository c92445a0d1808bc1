"""Puts one site process together: store, clients, reconcilers, watches, and the line to a hub where there is one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from policloud.adapters.clock import SystemClock
from policloud.adapters.events import EventRecorder
from policloud.adapters.kube.caching import StoringCluster
from policloud.adapters.kube.client import HttpCluster
from policloud.adapters.kube.connection import Connection
from policloud.adapters.meters.factory import MeterFactory
from policloud.adapters.metrics import Metrics
from policloud.adapters.probe import MetricsGuard, ProbeServer
from policloud.adapters.requirements import needs_of
from policloud.adapters.shell import Background, Operator, Watch
from policloud.api import names, resources
from policloud.domain.placement.solve import GreedySolver
from policloud.ports import Body, Clock, Cluster
from policloud.reconcile.base import guarded
from policloud.reconcile.site.admission import Admission
from policloud.reconcile.site.book import SourceBook
from policloud.reconcile.site.capacity import CapacityReader
from policloud.reconcile.site.context import Site
from policloud.reconcile.site.observed import add_indices
from policloud.reconcile.site.planner import Planner
from policloud.reconcile.site.power import PowerReconciler
from policloud.reconcile.site.source import SourceReconciler
from policloud.reconcile.site.specs import WorkloadSpec
from policloud.reconcile.site.unit import UnitReconciler, source_drained
from policloud.reconcile.site.workload import WorkloadReconciler
from policloud.reconcile.site.workload_status import StatusWriter
from policloud.runtime.store import Key, Store
from policloud.runtime.workers import Controller
from policloud.site.restricted import restricted_connection
from policloud.site.routes import Controllers, Routes
from policloud.site.settings import SiteSettings


@dataclass(slots=True)
class Process:
    """A site process before it runs. What joins it to a hub adds its own controllers, watches and tasks here."""

    settings: SiteSettings
    connection: Connection
    store: Store
    clock: Clock
    metrics: Metrics
    http: HttpCluster
    cluster: Cluster
    restricted: Cluster
    site: Site
    routes: Routes
    controllers: list[Controller] = field(default_factory=list)
    watches: list[Watch] = field(default_factory=list)
    background: list[Background] = field(default_factory=list)


def connect(settings: SiteSettings) -> Connection:
    """From the kubeconfig, else from the pod's service account. ConnectionConfigError if neither works."""
    if settings.kubeconfig is not None:
        return Connection.from_kubeconfig(settings.kubeconfig, settings.context)
    return Connection.in_cluster()


def ownership(store: Store, *, with_hub: bool) -> Callable[[Body], bool]:
    """Which SovereignWorkloads are the site's: all on its own cluster; beside a hub only federated and local ones."""

    def ours(body: Body) -> bool:
        if not with_hub:
            return True
        if (body["metadata"].get("labels") or {}).get(names.SCOPE_LABEL) == names.SCOPE_LOCAL:
            return True
        return is_federated(store, body)

    return ours


def is_federated(store: Store, body: Body) -> bool:
    """Whether the object lies in a namespace made for federated work."""
    namespace = store.get(str(resources.NAMESPACE), ("", body["metadata"]["namespace"]))
    labels = (namespace or {"metadata": {}})["metadata"].get("labels") or {}
    return labels.get(names.FEDERATED_LABEL) == "true"


def assemble(settings: SiteSettings, *, connection: Connection | None = None, clock: Clock | None = None) -> Process:
    """Everything a site does alone."""
    connection, clock = connection or connect(settings), clock or SystemClock()
    store, metrics = Store(), Metrics()
    add_indices(store)
    http = HttpCluster(connection, metrics=metrics)
    cluster = StoringCluster(http, store)
    restricted_http = HttpCluster(restricted_connection(connection, http, settings.namespace), metrics=metrics)
    recorder = EventRecorder(
        http, clock=clock, component="policloud-site", instance=settings.instance, result=metrics.event
    )
    book = SourceBook()
    ours = ownership(store, with_hub=settings.with_hub)
    site = Site(
        name=settings.site_name,
        cluster=cluster,
        store=store,
        clock=clock,
        book=book,
        capacity=CapacityReader(store, book, ours=ours),
        recorder=recorder,
        timing=settings.timing,
    )
    restricted = StoringCluster(restricted_http, store)
    controllers, routes = _controllers(settings, site, restricted, ours)
    process = Process(
        settings=settings,
        connection=connection,
        store=store,
        clock=clock,
        metrics=metrics,
        http=http,
        cluster=cluster,
        restricted=restricted,
        site=site,
        routes=routes,
        controllers=[*controllers.all()],
        watches=_watches(routes),
    )
    process.background += [recorder.run, _closing(restricted_http)]
    return process


def _closing(http: HttpCluster) -> Background:
    async def close(stop: asyncio.Event) -> None:
        await stop.wait()
        await http.close()

    return close


def _controllers(
    settings: SiteSettings, site: Site, restricted: Cluster, ours: Callable[[Body], bool]
) -> tuple[Controllers, Routes]:
    def identity(workload: WorkloadSpec) -> Cluster:
        return restricted if is_federated(site.store, workload.body) else site.cluster

    def changed(key: Key) -> None:
        routes.source_changed(key)

    def replan() -> None:
        routes.replan()

    writer, admission = StatusWriter(site), Admission(site, identity)
    planner = Planner(site, GreedySolver(), writer, admitted=admission.admitted)
    workloads = WorkloadReconciler(site, writer, admission, ours=ours, identity=identity, replan=replan)
    sources = SourceReconciler(
        cluster=site.cluster,
        store=site.store,
        book=site.book,
        clock=site.clock,
        meters=MeterFactory(site.clock, settings.trace_directory),
        on_change=changed,
        drained=lambda key: source_drained(site, key),
    )
    controllers = Controllers(
        sources=Controller("sources", guarded(sources.reconcile), workers=2),
        units=Controller("units", guarded(UnitReconciler(site).reconcile), workers=1),
        power=Controller("power", guarded(PowerReconciler(site).reconcile), workers=1),
        workloads=Controller("workloads", guarded(workloads.reconcile), workers=4),
        planner=Controller("planner", guarded(planner.reconcile), workers=1, deadline=60.0),
    )
    routes = Routes(site.store, controllers)
    return controllers, routes


def _watches(routes: Routes) -> list[Watch]:
    children = (resources.DEPLOYMENT, resources.JOB, resources.SERVICE, resources.NETWORK_POLICY)
    return [
        Watch(resources.ENERGY_SOURCE, routes.source),
        Watch(resources.POLICLOUD_UNIT, routes.unit),
        Watch(resources.NODE, routes.node),
        Watch(resources.POD, routes.pod),
        Watch(resources.SOVEREIGN_WORKLOAD, routes.workload),
        *(Watch(kind, routes.child) for kind in children),
        Watch(resources.VIRTUAL_MACHINE, routes.child, optional=True),
        Watch(resources.PERSISTENT_VOLUME_CLAIM, routes.claim),
        Watch(resources.RESOURCE_QUOTA, routes.quota),
        Watch(resources.NAMESPACE, routes.namespace),
    ]


def operator(process: Process) -> Operator:
    """The process as something that runs until SIGTERM."""
    probe = ProbeServer(
        process.settings.probe_listen, metrics=process.metrics, guard=MetricsGuard(process.http, process.clock)
    )
    return Operator(
        name="policloud-site",
        connection=process.connection,
        cluster=process.http,
        store=process.store,
        clock=process.clock,
        controllers=process.controllers,
        watches=process.watches,
        probe=probe,
        needs=needs_of("site", process.settings.namespace),
        background=process.background,
    )
