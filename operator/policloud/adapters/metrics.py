"""Prometheus metrics, with controller-runtime's names where it has one: dashboards made for it work."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

import policloud
from policloud.runtime.store import Store
from policloud.runtime.workers import Controller

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_QUEUE_BUCKETS = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1, 10, 100, 1000)
_RECONCILE_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """Everything one process measures, in a registry of its own. Implements the runtime's and the client's hooks.

    Add your own with `registry=metrics.registry`.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self._queue_metrics()
        self._reconcile_metrics()
        self._own_metrics()
        ProcessCollector(registry=self.registry)

    def _queue_metrics(self) -> None:
        r, q = self.registry, ("name",)
        self._adds = Counter("workqueue_adds", "Keys added", q, registry=r)
        self._retries = Counter("workqueue_retries", "Retries after a failure", q, registry=r)
        self._waits = Histogram(
            "workqueue_queue_duration_seconds", "From added to taken", q, buckets=_QUEUE_BUCKETS, registry=r
        )
        self._works = Histogram(
            "workqueue_work_duration_seconds", "From taken to done", q, buckets=_QUEUE_BUCKETS, registry=r
        )

    def _reconcile_metrics(self) -> None:
        r = self.registry
        self._reconciles = Counter(
            "controller_runtime_reconcile", "Reconciles by result", ("controller", "result"), registry=r
        )
        self._errors = Counter(
            "controller_runtime_reconcile_errors", "Reconciles that failed", ("controller",), registry=r
        )
        self._times = Histogram(
            "controller_runtime_reconcile_time_seconds",
            "Length of a reconcile",
            ("controller",),
            buckets=_RECONCILE_BUCKETS,
            registry=r,
        )
        self._requests = Counter(
            "rest_client_requests", "Requests to API servers by code and method", ("code", "method"), registry=r
        )
        self._latency = Histogram(
            "rest_client_request_duration_seconds", "Time to the answer's head", ("verb",), registry=r
        )
        self._leader = Gauge("leader_election_master_status", "1 if this process leads", ("name",), registry=r)

    def _own_metrics(self) -> None:
        r = self.registry
        build = Gauge("policloud_build_info", "Version of this process", ("version",), registry=r)
        build.labels(policloud.__version__).set(1)
        self._missed = Counter(
            "policloud_resync_missed",
            "Changes that a sweep found and the watch had not told",
            ("kind", "change"),
            registry=r,
        )
        self._strikes = Counter(
            "policloud_watch_strikes", "Changes that a watch did not tell within its time", ("kind",), registry=r
        )
        self._restarts = Counter("policloud_watch_restarts", "Times the watches were started anew", registry=r)
        self._events = Counter("policloud_events", "Kubernetes Events by what became of them", ("result",), registry=r)
        self._unmet = Gauge(
            "policloud_requirement_unmet",
            "1 if the cluster lacks it: Kubernetes version, CRDs, permissions; /readyz says what exactly",
            ("requirement",),
            registry=r,
        )
        self._lag = Gauge("policloud_loop_lag_seconds", "Delay of the event loop, last measured", registry=r)

    # -- hooks of the queue and the controller

    def added(self, queue: str) -> None:
        self._adds.labels(queue).inc()

    def retried(self, queue: str) -> None:
        self._retries.labels(queue).inc()

    def waited(self, queue: str, seconds: float) -> None:
        self._waits.labels(queue).observe(seconds)

    def worked(self, queue: str, seconds: float) -> None:
        self._works.labels(queue).observe(seconds)

    def reconciled(self, controller: str, result: str, seconds: float) -> None:
        self._reconciles.labels(controller, result).inc()
        self._times.labels(controller).observe(seconds)
        if result in {"error", "timeout", "retry"}:
            self._errors.labels(controller).inc()

    # -- hooks of the client, the sweep, the recorder and the watchdog

    def request(self, verb: str, method: str, code: str, seconds: float) -> None:
        self._requests.labels(code, method).inc()
        self._latency.labels(verb).observe(seconds)

    def missed(self, kind: str, change: str, count: int) -> None:
        self._missed.labels(kind, change).inc(count)

    def struck(self, kind: str) -> None:
        self._strikes.labels(kind).inc()

    def watches_restarted(self) -> None:
        self._restarts.inc()

    def event(self, result: str) -> None:
        self._events.labels(result).inc()

    def requirement(self, name: str, unmet: bool) -> None:  # noqa: FBT001 - a hook
        self._unmet.labels(name).set(unmet)

    def lag(self, seconds: float) -> None:
        self._lag.set(seconds)

    # -- read when scraped

    def follow(self, controllers: Sequence[Controller], store: Store) -> None:
        """Report these controllers' queues and that store's sizes at each scrape."""
        for controller in controllers:
            controller.observe(self)
        self.registry.register(_Scraped(controllers, store))

    def follow_leader(self, name: str, is_leader: Callable[[], bool]) -> None:
        self._leader.labels(name).set_function(lambda: float(is_leader()))

    def follow_lists(self, ages: Callable[[], Mapping[str, float]]) -> None:
        """Report the age of each kind's last good list at each scrape."""
        self.registry.register(_Ages(ages))

    def render(self) -> bytes:
        """The text exposition."""
        return generate_latest(self.registry)


class _Scraped(Collector):
    def __init__(self, controllers: Sequence[Controller], store: Store) -> None:
        self._controllers = controllers
        self._store = store

    def collect(self) -> Iterable[Metric]:
        yield from self._queues()
        active = GaugeMetricFamily("controller_runtime_active_workers", "Workers at work", labels=("controller",))
        most = GaugeMetricFamily(
            "controller_runtime_max_concurrent_reconciles", "Workers there are", labels=("controller",)
        )
        for c in self._controllers:
            active.add_metric((c.name,), c.active)
            most.add_metric((c.name,), c.workers)
        yield from (active, most)
        objects = GaugeMetricFamily("policloud_store_objects", "Objects held in memory", labels=("kind",))
        for kind in self._store.kinds():
            objects.add_metric((kind,), self._store.count(kind))
        yield objects

    def _queues(self) -> Iterator[Metric]:
        depth = GaugeMetricFamily("workqueue_depth", "Keys waiting", labels=("name",))
        unfinished = GaugeMetricFamily(
            "workqueue_unfinished_work_seconds", "Time in work, summed over the keys in work", labels=("name",)
        )
        longest = GaugeMetricFamily(
            "workqueue_longest_running_processor_seconds", "Time in work of the oldest", labels=("name",)
        )
        for c in self._controllers:
            total, oldest = c.queue.unfinished()
            depth.add_metric((c.name,), len(c.queue))
            unfinished.add_metric((c.name,), total)
            longest.add_metric((c.name,), oldest)
        yield from (depth, unfinished, longest)


class _Ages(Collector):
    def __init__(self, ages: Callable[[], Mapping[str, float]]) -> None:
        self._ages = ages

    def collect(self) -> Iterable[Metric]:
        family = GaugeMetricFamily("policloud_list_age_seconds", "Since the last good list", labels=("kind",))
        for kind, age in self._ages().items():
            family.add_metric((kind,), age)
        yield family
