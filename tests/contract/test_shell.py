"""The shell around a real API server: leadership, who may read metrics, and how a process ends."""

import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from operators import SmallOperator, until
from policloud.adapters.clock import SystemClock
from policloud.adapters.kube.client import HttpCluster
from policloud.adapters.kube.connection import Connection
from policloud.adapters.kube.lease import ClusterLease
from policloud.adapters.shell import EXIT_LOST
from policloud.runtime.lease import LeaseElector
from policloud.runtime.resync import SweepTimes
from policloud.testing.controlplane import ControlPlane, ControlPlaneError

TESTS = Path(__file__).resolve().parent.parent


def elector(plane: ControlPlane, lease: str, identity: str) -> LeaseElector:
    cluster = HttpCluster(Connection.from_kubeconfig(plane.kubeconfig))
    store = ClusterLease(cluster, "default", lease, clock=SystemClock())
    return LeaseElector(store, identity, seconds=4, renew_deadline=3.0, retry=0.3)


def test_one_leads_and_the_other_takes_over_when_it_ends(api_server: ControlPlane) -> None:
    lease = f"lead-{uuid.uuid4().hex[:8]}"
    connection = Connection.from_kubeconfig(api_server.kubeconfig)
    first = SmallOperator(connection, elector=elector(api_server, lease, "first"))
    second = SmallOperator(connection, elector=elector(api_server, lease, "second"))
    with second, first:
        until(lambda: first.reconciled or second.reconciled, "one works")
        leader, standby = (first, second) if first.reconciled else (second, first)
        until(standby.ready, "a standby that knows its leader is ready")
        assert not standby.reconciled
        leader.operator.stop()
        took = until(lambda: standby.reconciled, "the other works")
        assert took < 4, "the lease was given back, not waited for"
        until(lambda: leader.exit == 0, "a wanted end is no failure")


def test_metrics_are_for_those_whom_the_api_server_vouches_for(api_server: ControlPlane) -> None:
    name = f"reader-{uuid.uuid4().hex[:8]}"
    role = json.dumps(
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRole",
            "metadata": {"name": name},
            "rules": [{"nonResourceURLs": ["/metrics"], "verbs": ["get"]}],
        }
    )
    api_server.kubectl("apply", "-f", "-", input=role)
    for account in (name, f"{name}-nobody"):
        api_server.kubectl("create", "serviceaccount", account)
    api_server.kubectl(
        "create", "clusterrolebinding", name, f"--clusterrole={name}", f"--serviceaccount=default:{name}"
    )
    token, nobody = (api_server.kubectl("create", "token", a).strip() for a in (name, f"{name}-nobody"))
    with SmallOperator.of(api_server.kubeconfig) as small:
        until(small.ready, "ready")
        assert small.ask("/metrics")[0] == 401
        assert small.ask("/metrics", "not-a-token")[0] == 401
        assert small.ask("/metrics", nobody)[0] == 403
        status, text = small.ask("/metrics", token)
    assert status == 200
    for metric in (
        'workqueue_depth{name="configmaps"}',
        "workqueue_adds_total",
        "workqueue_queue_duration_seconds_bucket",
        "workqueue_work_duration_seconds_bucket",
        "workqueue_unfinished_work_seconds",
        "workqueue_longest_running_processor_seconds",
        "workqueue_retries_total",
        'controller_runtime_reconcile_total{controller="configmaps",result="success"}',
        "controller_runtime_reconcile_errors_total",
        "controller_runtime_reconcile_time_seconds_bucket",
        "controller_runtime_active_workers",
        'controller_runtime_max_concurrent_reconciles{controller="secrets"} 4.0',
        'rest_client_requests_total{code="200",method="GET"}',
        'policloud_store_objects{kind="configmaps"}',
    ):
        assert metric in text
    assert token not in text


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[Path], subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def start(kubeconfig: Path) -> subprocess.Popen[str]:
        env = {**os.environ, "PYTHONPATH": f"{TESTS}:{TESTS.parent / 'operator'}"}
        command = [sys.executable, str(TESTS / "small_process.py"), str(kubeconfig)]
        with (tmp_path / "log").open("w") as log:
            process = subprocess.Popen(command, env=env, stderr=log, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def _logged(tmp_path: Path, text: str) -> bool:
    return text in (tmp_path / "log").read_text()


def test_sigterm_ends_it_cleanly_within_seconds(
    api_server: ControlPlane, start: Callable[[Path], subprocess.Popen[str]], tmp_path: Path
) -> None:
    process = start(api_server.kubeconfig)
    until(lambda: _logged(tmp_path, "is synced and works"), "works")
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    records = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert not [r for r in records if r["level"] in {"error", "critical"}]
    assert all({"ts", "level", "msg"} <= r.keys() for r in records)


def test_sigterm_ends_it_also_while_it_waits_for_its_api_server(
    api_server: ControlPlane, start: Callable[[Path], subprocess.Popen[str]], tmp_path: Path
) -> None:
    nowhere = tmp_path / "kubeconfig"
    nowhere.write_text(api_server.kubeconfig.read_text().replace(api_server.url, "https://127.0.0.1:1"))
    process = start(nowhere)
    until(lambda: _logged(tmp_path, "cannot list configmaps"), "it tries")
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0


def test_nothing_is_written_on_the_objects_it_watches(api_server: ControlPlane) -> None:
    name = f"untouched-{uuid.uuid4().hex[:8]}"
    api_server.kubectl("create", "configmap", name)
    before = api_server.kubectl("get", "configmap", name, "-o", "json", "--show-managed-fields")
    with SmallOperator.of(api_server.kubeconfig) as small:
        until(lambda: ("configmaps", ("default", name)) in small.reconciled, "reconciled")
        until(small.ready, "ready")
    assert api_server.kubectl("get", "configmap", name, "-o", "json", "--show-managed-fields") == before
    with pytest.raises(ControlPlaneError, match=r"kopfpeerings|the server doesn't have a resource type"):
        api_server.kubectl("get", "kopfpeerings")


def test_a_deaf_watch_is_noticed_and_ends_the_process(api_server: ControlPlane) -> None:
    times = SweepTimes(shortest=0.5, longest=1.0, late=1.0, settle=0.1)
    run = uuid.uuid4().hex[:8]
    with SmallOperator.of(api_server.kubeconfig, sweep_times=times) as small:
        until(small.ready, "ready")
        small.operator._intake._kopf._deliver = lambda *_: None  # a watcher that has died: nothing is told any more
        for n in range(2):
            name = f"unheard-{run}-{n}"
            api_server.kubectl("create", "configmap", name)
            until(lambda name=name: name in small.names(), "the sweep finds it all the same")
            until(lambda n=n: small.strikes() > n or not small.alive, "a strike")
        until(lambda: not small.alive, "it ends, so that a fresh process starts")
    assert small.exit == EXIT_LOST
