"""Both charts on a real API server by the real helm: install, upgrade, side by side, uninstall. No pod is needed."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography import x509

from policloud.api.joinfile import HubInfo, JoinFile, parse_join_file
from policloud.testing.controlplane import ControlPlane
from policloud.testing.helm import HelmError, helm

CHARTS = Path(__file__).parents[3] / "charts"
_CRD = "CustomResourceDefinition/"
NAMESPACE = "policloud-test"  # not the default one: nothing may hang on it
HUB = [
    "--set=hubId=policloud-eu",
    "--set=apiUrl=https://api.hub.example.org:6443",
    "--set=identity.url=https://hub.example.org:8443",
]


class Cluster:
    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane

    def helm(self, *arguments: str) -> str:
        return helm(*arguments, "--namespace", NAMESPACE, kubeconfig=self._plane.kubeconfig)

    def install(self, release: str, chart: str, *arguments: str) -> str:
        return self.helm("install", release, str(CHARTS / chart), "--create-namespace", *arguments)

    def upgrade(self, release: str, chart: str, *arguments: str) -> str:
        return self.helm("upgrade", release, str(CHARTS / chart), *arguments)

    def may_guard(self, release: str, role: str) -> Path:
        """A kubeconfig with the rights of the release's pre-delete Job, which are there only while it runs."""
        hooks = [body for body in yaml.safe_load_all(self.helm("get", "hooks", release)) if body]
        rights = [body for body in hooks if body["kind"] != "Job"]
        assert {body["metadata"]["name"] for body in rights} == {f"policloud-{role}-guard"}
        self._plane.kubectl("apply", "-f", "-", input=yaml.safe_dump_all(rights))
        return self._plane.client_kubeconfig(f"system:serviceaccount:{NAMESPACE}:policloud-{role}-guard")

    def apply(self, *bodies: dict[str, Any]) -> None:
        self._plane.kubectl("apply", "-f", "-", input=yaml.safe_dump_all(bodies))

    def get(self, *arguments: str) -> Any:
        text = self._plane.kubectl("get", *arguments, "--ignore-not-found", "-o", "json")
        return json.loads(text) if text else None

    def left(self) -> list[str]:
        """What carries our labels and nobody has deleted, of every kind that the charts render.

        Without controllers, what has a finalizer stays in deletion.
        """
        kinds = (
            "crd,clusterrole,clusterrolebinding,role,rolebinding,serviceaccount,secret,service,deployment,networkpolicy,"
            "validatingadmissionpolicy,validatingadmissionpolicybinding,job,poddisruptionbudget,daemonset,pvc"
        )
        found = self.get(kinds, "-A", "-l", "app.kubernetes.io/part-of=policloud")
        metadata = [(item["kind"], item["metadata"]) for item in (found or {}).get("items", ())]
        return sorted(f"{kind}/{m['name']}" for kind, m in metadata if "deletionTimestamp" not in m)


@pytest.fixture
def cluster(make_control_plane: Callable[..., ControlPlane]) -> Cluster:
    return Cluster(make_control_plane("charts", crds=False))


def _certificate(secret: Any, key: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(base64.b64decode(secret["data"][key]))


def _hosts(secret: Any) -> list[str]:
    names = _certificate(secret, "tls.crt").extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return names.get_values_for_type(x509.DNSName)


def test_the_hubs_ca_outlives_upgrades_a_new_address_and_the_release(cluster: Cluster) -> None:
    notes = cluster.install("hub", "policloud-hub", *HUB)
    assert "policloud hub" in notes
    assert f"helm test hub -n {NAMESPACE}" in notes
    stored = cluster.get("secret", "-n", NAMESPACE, "-l", "owner=helm,name=hub")["items"]
    assert 50 * 1024 < len(stored[0]["data"]["release"]) < 700 * 1024
    identity = ("secret", "policloud-hub-identity", "-n", NAMESPACE)
    first = cluster.get(*identity)
    _certificate(first, "tls.crt").verify_directly_issued_by(_certificate(first, "ca.crt"))
    assert _hosts(first) == ["hub.example.org", f"policloud-hub.{NAMESPACE}.svc"]

    cluster.upgrade("hub", "policloud-hub", *HUB, "--set=replicas=2")
    assert cluster.get(*identity)["data"] == first["data"]
    assert cluster.get("deployment", "policloud-hub", "-n", NAMESPACE)["spec"]["replicas"] == 2

    cluster.upgrade("hub", "policloud-hub", *HUB, "--set=identity.url=https://moved.example.org")
    moved = cluster.get(*identity)
    assert moved["data"]["ca.crt"] == first["data"]["ca.crt"]
    _certificate(moved, "tls.crt").verify_directly_issued_by(_certificate(first, "ca.crt"))
    assert _hosts(moved)[0] == "moved.example.org"

    cluster.helm("uninstall", "hub", "--no-hooks")
    kept = cluster.left()
    assert "Secret/policloud-hub-identity" in kept
    assert [name for name in kept if not name.startswith(_CRD)] == ["Secret/policloud-hub-identity"]
    assert len(kept) == 7

    # Another release finds what the first has left: the CRDs change hands when asked to, the CA stays
    with pytest.raises(HelmError, match="invalid ownership metadata"):
        cluster.install("again", "policloud-hub", *HUB)
    cluster.install("again", "policloud-hub", *HUB, "--take-ownership")
    assert cluster.get(*identity)["data"] == moved["data"]


def test_hub_and_site_share_a_cluster_and_leave_nothing_when_told_so(cluster: Cluster, tmp_path: Path) -> None:
    bare = ["--set=crds.keep=false"]
    cluster.install("hub", "policloud-hub", *HUB, *bare, "--set=identity.tls.keep=false", "--set=withSite=true")
    with pytest.raises(HelmError, match="invalid ownership metadata"):
        cluster.install("site", "policloud-site")
    assert cluster.helm("list", "--short").split() == ["hub"]
    values = tmp_path / "values.yaml"
    hub = HubInfo("policloud-eu", "https://a.example:6443", "https://b.example", "-----BEGIN CERTIFICATE-----\n")
    values.write_text(JoinFile(hub, "dijon", "abc234").dump_values())
    beside = ["--set=crds.enabled=false", "--set=withHub=true"]
    cluster.install("site", "policloud-site", *beside, "-f", str(values))
    join = cluster.get("secret", "policloud-join", "-n", NAMESPACE)
    assert parse_join_file(base64.b64decode(join["data"]["join.yaml"]).decode()).hub == hub
    everything = ["--set=governor.enabled=true", "--set=node.enabled=true"]
    cluster.upgrade("site", "policloud-site", *beside, *everything, "-f", str(values))
    assert cluster.get("daemonset", "policloud-node", "-n", "policloud-node")["spec"]["template"]["spec"]
    cluster.helm("rollback", "site")
    assert cluster.get("daemonset", "policloud-node", "-n", "policloud-node") is None

    cluster.helm("uninstall", "site", "--no-hooks")
    assert "Deployment/policloud-hub" in cluster.left()
    cluster.helm("uninstall", "hub", "--no-hooks")
    assert cluster.left() == []


def _guard(role: str, kubeconfig: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "policloud.cli.main", role, "--kubeconfig", str(kubeconfig)]
    return subprocess.run([*command, "--namespace", NAMESPACE, "guard"], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("role", "values"), [("hub", HUB), ("site", [])])
def test_the_pre_delete_job_may_see_all_that_it_asks_for(cluster: Cluster, role: str, values: list[str]) -> None:
    cluster.install("release", f"policloud-{role}", *values)
    kubeconfig = cluster.may_guard("release", role)
    empty = _guard(role, kubeconfig)
    assert (empty.returncode, empty.stdout) == (0, f"nothing would be stranded: the {role} may be uninstalled\n")
    workload = yaml.safe_load((CHARTS.parent / "samples" / "workloads" / "assistant-eu.yaml").read_text())
    workload["metadata"] |= {"namespace": "tenant", "finalizers": ["policloud.io/finalizer"]}
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "tenant"}}, workload)
    full = _guard(role, kubeconfig)
    assert full.returncode == 1, full.stderr
    assert "assistant-eu" in full.stdout
    assert "helm uninstall" in full.stdout
