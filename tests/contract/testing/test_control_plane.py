"""The control plane is a real one: TLS, RBAC, data that survives, an audit log, nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from policloud.testing.controlplane import ControlPlane, ControlPlaneError
from policloud.testing.controlplane.certificates import Authority, Pair
from policloud.testing.controlplane.ports import free_port
from policloud.testing.controlplane.processes import start_ticks
from policloud.testing.controlplane.rest import RestClient

_CONFIG_MAP = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "kept", "namespace": "default"}}


def test_restart_keeps_port_and_data(make_control_plane: Callable[..., ControlPlane]) -> None:
    plane = make_control_plane(crds=False)
    uid = plane.api.apply(_CONFIG_MAP)["metadata"]["uid"]
    url = plane.url

    plane.stop_component("apiserver")
    with pytest.raises(OSError, match="refused"):
        plane.api.request("GET", "/readyz")
    plane.start_component("apiserver")

    assert plane.url == url
    assert plane.api.request("GET", "/api/v1/namespaces/default/configmaps/kept")["metadata"]["uid"] == uid


def test_killed_programs_start_again_with_their_data(make_control_plane: Callable[..., ControlPlane]) -> None:
    plane = make_control_plane(crds=False)
    plane.api.apply(_CONFIG_MAP)
    plane.kill_component("apiserver")
    plane.kill_component("etcd")

    again = ControlPlane(plane.directory, plane.name)  # as a later process would
    again.start()

    assert again.url == plane.url
    assert "kept" in again.kubectl("get", "configmaps", "--namespace=default", "--output=name")
    again.stop()


def test_rbac_is_on(api_server: ControlPlane) -> None:
    nobody = api_server.authority.client("somebody", ["some-group"])
    client = RestClient(api_server.url, api_server.authority.certificate, nobody)
    with pytest.raises(ControlPlaneError, match=r'403 .*User "somebody" cannot list resource "secrets"'):
        client.request("GET", "/api/v1/secrets")
    client.close()


def test_a_stranger_s_certificate_is_refused(api_server: ControlPlane, tmp_path: Path) -> None:
    stranger: Pair = Authority(tmp_path, "stranger").client("admin", ["system:masters"])
    client = RestClient(api_server.url, api_server.authority.certificate, stranger)
    assert client.raw("GET", "/api/v1/namespaces")[0] == 401
    client.close()


def test_audit_log_names_user_verb_and_object(make_control_plane: Callable[..., ControlPlane]) -> None:
    plane = make_control_plane(crds=False, audit=True)
    plane.api.apply(_CONFIG_MAP)
    found: list[dict[str, object]] = []
    end = time.monotonic() + 20
    while not found and time.monotonic() < end:
        events = [json.loads(line) for line in plane.audit_log.read_text().splitlines() if line.endswith("}")]
        found = [event for event in events if event.get("objectRef", {}).get("name") == "kept"]
    assert found[0]["verb"] == "patch"
    assert found[0]["user"]["username"] == "policloud-local-admin"  # type: ignore[index]
    assert "requestObject" not in found[0]


_PARENT = """
import sys, pathlib, threading
from policloud.testing.controlplane import ControlPlane
plane = ControlPlane(pathlib.Path(sys.argv[1]), "orphan")
starter = threading.Thread(target=plane.start)  # that thread's end must not end them
starter.start(); starter.join()
print(*[plane.processes.pid(name) for name in plane.components], flush=True)
sys.stdin.read()
"""


def test_children_die_with_a_killed_parent_and_not_before(tmp_path: Path) -> None:
    command = [sys.executable, "-c", _PARENT, str(tmp_path)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as parent:
        assert parent.stdout is not None
        pids = [int(word) for word in parent.stdout.readline().split()]
        assert len(pids) == 2
        assert all(start_ticks(pid) for pid in pids)
        parent.send_signal(signal.SIGKILL)
        parent.wait()
    end = time.monotonic() + 10
    while any(start_ticks(pid) for pid in pids) and time.monotonic() < end:
        os.sched_yield()
    assert not any(start_ticks(pid) for pid in pids)


def test_a_port_that_somebody_took_meanwhile_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as somebody:
        ports = iter([somebody.getsockname()[1], free_port(), free_port(), free_port()])
        monkeypatch.setattr("policloud.testing.controlplane.plane.free_port", lambda: next(ports))
        plane = ControlPlane(tmp_path, "second-choice")
        plane.start()
        try:
            assert plane.addresses.api_port != somebody.getsockname()[1]
            assert plane.kubectl("get", "--raw", "/readyz") == "ok"
        finally:
            plane.remove()


def test_a_program_that_does_not_start_is_quoted(tmp_path: Path) -> None:
    Authority(tmp_path / "pki", "broken").signing_key("service-account").key.write_text("nonsense")
    plane = ControlPlane(tmp_path, "broken", ("apiserver",), etcd_url="http://127.0.0.1:1")
    with pytest.raises(ControlPlaneError, match=r"(?s)apiserver stopped by itself.*last lines of .*service-account"):
        plane.start()
    assert plane.processes.pid("apiserver") is None
