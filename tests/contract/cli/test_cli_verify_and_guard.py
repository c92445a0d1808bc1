"""`policloud hub|site verify` and `guard` as the chart's jobs run them, on a real API server."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from policloud.api.rights import Role
from policloud.cli.main import cli
from policloud.testing.controlplane import ControlPlane
from policloud.testing.local.rbac import apply_rbac

USERS: dict[Role, str] = {"hub": "policloud-hub", "site": "policloud-site-operator"}


@pytest.fixture
def ready() -> Iterator[dict[str, Any]]:
    """A readiness endpoint: what it answers is in the dictionary, as is its `url`."""
    said: dict[str, Any] = {"status": 200, "text": "ok\n"}

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(said["status"])
            self.end_headers()
            self.wfile.write(said["text"].encode())

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answer)
    said["url"] = f"http://127.0.0.1:{server.server_port}/readyz"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield said
    server.shutdown()
    server.server_close()
    thread.join()


def call(plane: ControlPlane, folder: Path, role: Role, *arguments: str) -> Result:
    """As the process itself, with the rights of its manifests and no others."""
    apply_rbac(plane, role, USERS[role])
    kubeconfig = plane.client_kubeconfig(USERS[role], path=folder / f"{role}.kubeconfig")
    return CliRunner().invoke(cli, [role, "--kubeconfig", str(kubeconfig), *arguments])


@pytest.mark.parametrize("role", ["hub", "site"])
def test_an_installation_with_its_rights_and_crds_verifies(
    api_server: ControlPlane, tmp_path: Path, ready: dict[str, Any], role: Role
) -> None:
    result = call(api_server, tmp_path, role, "verify", "--ready-url", ready["url"], "-o", "json")
    told = {f["check"]: f for f in json.loads(result.stdout)["findings"]}
    assert {check: f["level"] for check, f in told.items() if check != "Placement"} == {
        "Readiness": "ok",
        "Kubernetes version": "ok",
        "CRDs": "ok",
        "permissions": "ok",
    }, told
    assert told["Placement"]["level"] in ("ok", "warn")
    assert result.exit_code == 0
