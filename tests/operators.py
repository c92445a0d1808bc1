"""A small real operator for tests: it follows ConfigMaps and Secrets and notes what it reconciles."""

import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Self

import waiting
from policloud.adapters.clock import SystemClock
from policloud.adapters.kube.client import HttpCluster
from policloud.adapters.kube.connection import Connection
from policloud.adapters.metrics import Metrics
from policloud.adapters.probe import MetricsGuard, ProbeServer
from policloud.adapters.shell import Operator, Watch
from policloud.api.resources import CONFIG_MAP, SECRET
from policloud.runtime.lease import LeaseElector
from policloud.runtime.outcome import Done, Outcome
from policloud.runtime.resync import SweepTimes
from policloud.runtime.store import Key, Store, key_of
from policloud.runtime.workers import Controller


def until(condition: Callable[[], object], what: str, seconds: float = 30.0) -> float:
    """Wait for a condition; how long it took."""
    started = time.monotonic()
    waiting.until(condition, what, seconds)
    return time.monotonic() - started


class SmallOperator:
    """Runs in a thread. ConfigMaps of all namespaces come through Kopf, Secrets of one through a Reflector."""

    def __init__(
        self,
        connection: Connection,
        *,
        sweep_times: SweepTimes | None = None,
        elector: LeaseElector | None = None,
        port: int = 0,
    ) -> None:
        self.reconciled: list[tuple[str, Key]] = []
        self.store = Store()
        self.metrics = Metrics()
        self.exit: int | None = None
        clock = SystemClock()
        cluster = HttpCluster(connection, metrics=self.metrics)
        self.probe = ProbeServer(f"127.0.0.1:{port}", metrics=self.metrics, guard=MetricsGuard(cluster, clock))
        maps, secrets = self._controller("configmaps"), self._controller("secrets")
        self.operator = Operator(
            name="small",
            connection=connection,
            cluster=cluster,
            store=self.store,
            clock=clock,
            controllers=[maps, secrets],
            watches=[
                Watch(CONFIG_MAP, lambda b: [(maps, key_of(b))]),
                Watch(SECRET, lambda b: [(secrets, key_of(b))], namespace="default"),
            ],
            probe=self.probe,
            elector=elector,
            sweep_times=sweep_times,
        )
        self._thread = threading.Thread(target=self._run, name="small operator", daemon=True)

    @classmethod
    def of(cls, kubeconfig: Path | str, **options: SweepTimes | None) -> Self:
        return cls(Connection.from_kubeconfig(kubeconfig), **options)  # type: ignore[arg-type]

    def _controller(self, kind: str) -> Controller:
        async def reconcile(key: Key) -> Outcome:
            self.reconciled.append((kind, key))
            return Done()

        return Controller(kind, reconcile)

    def _run(self) -> None:
        self.exit = self.operator.run()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.operator.stop()
        self._thread.join(15)
        assert not self._thread.is_alive(), "the operator did not stop"

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def ask(self, path: str, token: str | None = None) -> tuple[int, str]:
        request = urllib.request.Request(f"http://127.0.0.1:{self.probe.port}{path}")
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - our own URL
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as e:
            with e:
                return e.code, e.read().decode()
        except OSError as e:
            return 0, str(e)

    def ready(self) -> bool:
        return self.probe.port != 0 and self.ask("/readyz")[0] == 200

    def names(self, kind: str = "configmaps", namespace: str = "default") -> set[str]:
        return {b["metadata"]["name"] for b in self.store.list(kind, namespace)}

    def missed(self, kind: str, change: str) -> float:
        value = self.metrics.registry.get_sample_value(
            "policloud_resync_missed_total", {"kind": kind, "change": change}
        )
        return value or 0.0

    def strikes(self) -> float:
        return self.metrics.registry.get_sample_value("policloud_watch_strikes_total", {"kind": "configmaps"}) or 0.0
