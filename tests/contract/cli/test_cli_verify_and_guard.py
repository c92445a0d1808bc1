"""`policloud hub|site verify` and `guard` as the chart's jobs run them, on a real API server."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import bodies
from policloud.api.rights import Role, rights_of
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


def test_what_does_not_hold_is_named_with_what_to_do(
    api_server: ControlPlane, tmp_path: Path, ready: dict[str, Any]
) -> None:
    ready |= {
        "status": 503,
        "text": "CRDs: policloudunits.policloud.io is not installed; apply them\nlease: no leader\n",
    }
    result = call(api_server, tmp_path, "site", "verify", "--ready-url", ready["url"])
    assert result.exit_code == 1
    assert "✗ Readiness" in " ".join(result.stdout.split())
    assert "CRDs: policloudunits.policloud.io is not installed; apply them" in result.stdout
    assert "lease: no leader" in result.stdout
    nobody = call(api_server, tmp_path, "site", "verify", "--ready-url", "http://127.0.0.1:1/readyz")
    assert nobody.exit_code == 1
    assert "http://127.0.0.1:1/readyz does not answer" in nobody.stdout


def test_without_its_rights_every_missing_one_is_counted(
    api_server: ControlPlane, tmp_path: Path, ready: dict[str, Any]
) -> None:
    kubeconfig = api_server.client_kubeconfig("nobody-in-particular", path=tmp_path / "nobody.kubeconfig")
    arguments = ["site", "--kubeconfig", str(kubeconfig), "verify", "--ready-url", ready["url"], "-o", "json"]
    result = CliRunner().invoke(cli, arguments)
    told = [f for f in json.loads(result.stdout)["findings"] if f["check"] == "permissions"]
    assert result.exit_code == 1
    assert told[0]["level"] == "fail"
    count = len(rights_of("site", "policloud-system"))
    assert told[0]["message"].startswith(f"missing {count} of {count}: get policloudunits.policloud.io, ")
    assert "ClusterRole and Role policloud-site-operator" in told[0]["fix"]


def test_a_site_plans_on_its_own_units_and_writes_nothing(
    make_control_plane: Any, tmp_path: Path, ready: dict[str, Any]
) -> None:
    plane: ControlPlane = make_control_plane()
    arguments = ("verify", "--ready-url", ready["url"], "--require-placement", "-o", "json")
    empty = call(plane, tmp_path, "site", *arguments)
    assert empty.exit_code == 1
    assert "there is no own unit yet" in empty.stdout
    unit = bodies.unit("verified")
    plane.api.apply(unit)
    path = "/apis/policloud.io/v1alpha1/namespaces/policloud-system/policloudunits/verified"
    status = {**free_unit(), "observedGeneration": 1}
    plane.api.request("PATCH", f"{path}/status", {"status": status}, content_type="application/merge-patch+json")
    before = plane.api.request("GET", "/apis/policloud.io/v1alpha1/policloudunits")
    planned = call(plane, tmp_path, "site", *arguments)
    assert planned.exit_code == 0, planned.stdout
    assert "one GPU would go to verified of (this cluster), of 1 own units; nothing written" in planned.stdout
    assert plane.api.request("GET", "/apis/policloud.io/v1alpha1/policloudunits")["items"] == before["items"]
    assert plane.api.request("GET", "/apis/policloud.io/v1alpha1/sovereignworkloads")["items"] == []
    on_hub = call(plane, tmp_path, "hub", "verify", "--ready-url", ready["url"], "-o", "json")
    assert "there is no published unit yet" in on_hub.stdout  # a warning: a hub before its first site is fine
    assert on_hub.exit_code == 0


def free_unit() -> dict[str, Any]:
    """Status of a unit with sixteen free GPUs and room for their power."""
    now = "2026-01-01T00:00:00Z"
    return {
        "gpus": {"total": 16, "ready": 16, "used": 0, "local": 0, "federated": 0},
        "pools": [
            {
                "name": "main",
                "product": bodies.GPU,
                "memoryGiB": 48,
                "perNode": 8,
                "nodes": 2,
                "readyNodes": 2,
                "gpus": 16,
                "gpusReady": 16,
                "gpusUsed": 0,
                "freeByNode": [{"free": 8, "nodes": 2}],
            }
        ],
        "power": {
            "limitWatts": 20000,
            "availableWatts": 20000,
            "usedWatts": 2000,
            "freeWatts": 18000,
            "observedAt": now,
        },
        "conditions": [
            {"type": "Ready", "status": "True", "reason": "Ready", "message": "", "lastTransitionTime": now}
        ],
    }


def guarded(plane: ControlPlane, folder: Path, role: Role) -> tuple[int, dict[str, dict[str, str]]]:
    """Exit code, and findings by the first word of their message."""
    result = call(plane, folder, role, "guard", "-o", "json")
    return result.exit_code, {f["message"].split()[0]: f for f in json.loads(result.stdout)["findings"]}


def test_the_guard_names_what_would_be_stranded_and_lets_go_of_the_rest(
    make_control_plane: Any, tmp_path: Path
) -> None:
    plane: ControlPlane = make_control_plane()
    for role in ("hub", "site"):
        assert guarded(plane, tmp_path, role) == (0, {}), role  # nothing there: uninstall at will
    text = call(plane, tmp_path, "site", "guard").stdout
    assert text == "nothing would be stranded: the site may be uninstalled\n"
    for name, labels in (("tenants", {}), ("fed-a", {"policloud.io/federated": "true"})):
        plane.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
    held = {"finalizers": ["policloud.io/finalizer"]}
    plane.api.apply(with_meta(bodies.inference("app", "tenants", 1), **held))
    plane.api.apply(bodies.inference("idle", "tenants", 1))
    plane.api.apply(with_meta(bodies.inference("share", "fed-a", 1), **held))
    plane.api.apply(with_meta(bodies.unit("acre-1"), **held))
    code, found = guarded(plane, tmp_path, "site")
    assert code == 1
    assert {word for word, f in found.items() if f["level"] == "fail"} == {
        "tenants/app",
        "fed-a/share",
        "policloud-system/acre-1",
    }
    assert found["tenants/app"]["fix"] == "kubectl delete sovereignworkloads app -n tenants"
    assert "runs here for a hub" in found["fed-a/share"]["message"]
    assert "withdraw consent" in found["fed-a/share"]["fix"]
    assert found["policloud-system/acre-1"]["fix"] == "kubectl delete policloudunits acre-1 -n policloud-system"
    assert found["1"]["level"] == "warn"  # the namespace made for federated work
    told = call(plane, tmp_path, "site", "guard").stdout
    assert "uninstalling the site now would strand 3." in told
    assert "helm uninstall RELEASE --no-hooks" in told
    code, found = guarded(plane, tmp_path, "hub")
    assert code == 1
    assert "tenants/app" in found
    assert "policloud-system/acre-1" not in found  # a site's business
    still = plane.api.request("GET", "/apis/policloud.io/v1alpha1/sovereignworkloads")["items"]
    assert len(still) == 3  # it never deletes


def with_meta(body: dict[str, Any], **meta: Any) -> dict[str, Any]:
    return {**body, "metadata": {**body["metadata"], **meta}}
