"""`policloud hub` as a process against a real API server: starts, leads, says why work has no place."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from waiting import until

NAMESPACE = "hub-process"
WORKLOAD = {
    "apiVersion": "policloud.io/v1alpha1",
    "kind": "SovereignWorkload",
    "metadata": {"name": "app", "namespace": NAMESPACE},
    "spec": {
        "class": "Inference",
        "inference": {
            "replicas": 1,
            "template": {"spec": {"containers": [{"name": "a", "image": "r.example.org/a:1"}]}},
        },
        "gpu": {"perReplica": 1},
        "sovereignty": {"location": {"allow": ["FR"]}},
    },
}


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def hub(api_server: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[subprocess.Popen[bytes]]:
    log = tmp_path_factory.mktemp("hub") / "hub.log"
    for namespace in (NAMESPACE, "policloud-system"):
        manifest = json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
        api_server.kubectl("apply", "-f", "-", input=manifest)
    command = [sys.executable, "-m", "policloud.cli.main", "hub", "--kubeconfig", str(api_server.kubeconfig)]
    command += ["--hub-id", "policloud-test", "--probe-listen", f"127.0.0.1:{free_port()}", "--time-scale", "0.1"]
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
    yield process
    process.terminate()
    code = process.wait(15)
    assert code == 0, log.read_text()[-4000:]
    assert "Traceback" not in log.read_text(), log.read_text()[-4000:]


def ready(api_server: Any, name: str) -> dict[str, Any]:
    body = json.loads(api_server.kubectl("get", "swl", name, "-n", NAMESPACE, "-o", "json"))
    conditions = {c["type"]: c for c in body["status"].get("conditions", [])}
    return {t: (c["status"], c["reason"]) for t, c in conditions.items()}


def test_a_workload_without_units_says_so(api_server: Any, hub: subprocess.Popen[bytes]) -> None:
    api_server.kubectl("apply", "-f", "-", input=json.dumps(WORKLOAD))
    until(lambda: ready(api_server, "app").get("Ready") == ("False", "NoUnitAllowed"), "no unit is allowed")
    assert hub.poll() is None


def test_a_local_workload_on_a_hub_alone_is_stalled(api_server: Any, hub: subprocess.Popen[bytes]) -> None:
    body = {**WORKLOAD, "metadata": {"name": "mine", "namespace": NAMESPACE, "labels": {"policloud.io/scope": "local"}}}
    api_server.kubectl("apply", "-f", "-", input=json.dumps(body))
    until(lambda: ready(api_server, "mine").get("Stalled") == ("True", "NoLocalSite"), "no local site")
    assert hub.poll() is None
