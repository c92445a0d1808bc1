"""A cluster that lacks something: the process stays up, not ready, names what is missing, and mends by itself."""

import http.client
import logging
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml

from linklab import until
from policloud.adapters.handshake import Handshake
from policloud.adapters.kube.client import HttpCluster
from policloud.adapters.kube.connection import Connection
from policloud.adapters.metrics import Metrics
from policloud.adapters.requirements import Needs, Requirement, needs_of
from policloud.api.names import CRD_VERSION_ANNOTATION
from policloud.api.resources import POLICLOUD_UNIT, SITE_MANDATE
from policloud.api.rights import Role, rights_of
from policloud.testing.clock import VirtualClock
from policloud.testing.controlplane import ControlPlane, apply_crds
from policloud.testing.controlplane.crds import data_folder
from policloud.testing.controlplane.ports import free_port
from policloud.testing.local.rbac import apply_rbac

USERS: dict[Role, str] = {"hub": "policloud-hub", "site": "policloud-site-operator"}


class Process:
    """One of our processes on a real API server, with the rights of its manifests."""

    def __init__(self, plane: ControlPlane, folder: Path, role: Role) -> None:
        kubeconfig = plane.client_kubeconfig(USERS[role], path=folder / f"{role}.kubeconfig")
        self.log = folder / f"{role}.log"
        self.url = f"127.0.0.1:{free_port()}"
        command = [sys.executable, "-m", "policloud.cli.main", role, "--kubeconfig", str(kubeconfig)]
        command += ["--probe-listen", self.url, *(("--hub-id", "policloud-test") if role == "hub" else ())]
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)

    def says(self, path: str = "readyz") -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://{self.url}/{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except (OSError, http.client.HTTPException):
            return 0, ""

    async def reaches(self, *texts: str) -> None:
        """Not ready, and the body holds all of these."""
        await until(lambda: all(t in self.says()[1] for t in texts), f"{texts} in {self.says()}")
        assert self.says()[0] == 503
        assert self.says("healthz")[0] == 200
        assert self.process.poll() is None

    async def ready(self) -> None:
        await until(lambda: self.says()[0] == 200, f"ready; {self.log.read_text()[-3000:]}")


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[ControlPlane, Role], Process]]:
    made: list[Process] = []

    def start(plane: ControlPlane, role: Role) -> Process:
        made.append(Process(plane, tmp_path, role))
        return made[-1]

    yield start
    for process in made:
        process.process.terminate()
        assert process.process.wait(15) == 0, process.log.read_text()[-3000:]


def definition(**annotations: str) -> dict[str, Any]:
    body: dict[str, Any] = yaml.safe_load((data_folder("crds") / f"{POLICLOUD_UNIT}.yaml").read_text())
    body["metadata"]["annotations"] = annotations
    return body


def role_without(role: Role, resource: str) -> dict[str, Any]:
    """Its ClusterRole, less the rules on one resource."""
    text = files("policloud").joinpath("manifests", f"{role}-rbac.yaml").read_text()
    found = next(
        d for d in yaml.safe_load_all(text) if d["kind"] == "ClusterRole" and d["metadata"]["name"] == USERS[role]
    )
    return {**found, "rules": [rule for rule in found["rules"] if resource not in rule["resources"]]}


@pytest.mark.parametrize(("role", "resource"), [("hub", "workoffers"), ("site", "nodes")])
async def test_what_is_missing_is_named_and_mending_it_is_enough(
    make_control_plane: Callable[..., ControlPlane],
    start: Callable[[ControlPlane, Role], Process],
    role: Role,
    resource: str,
) -> None:
    plane = make_control_plane(crds=False)
    apply_rbac(plane, role, USERS[role])
    plane.api.apply(role_without(role, resource))
    process = start(plane, role)
    await process.reaches("CRDs: ", f"{POLICLOUD_UNIT} is not installed", "kubectl apply --server-side -f crds/")
    await process.reaches("permissions: missing", f"list {resource}", f"ClusterRole and Role {USERS[role]} of release")
    plane.api.apply(role_without(role, "nothing"))
    await until(lambda: "permissions" not in process.says()[1], "the rights are there")
    apply_crds(plane)
    await process.ready()
    log = process.log.read_text()
    assert "is not installed" in log
    assert "what was missing is there" in log


async def test_crds_older_than_the_operator_hold_it_back(
    make_control_plane: Callable[..., ControlPlane], start: Callable[[ControlPlane, Role], Process]
) -> None:
    plane = make_control_plane()
    apply_rbac(plane, "site", USERS["site"])
    plane.api.apply(definition(**{CRD_VERSION_ANNOTATION: "0"}))
    process = start(plane, "site")
    await process.reaches(f"{POLICLOUD_UNIT} carries no version, policloud", "needs 1", "crds.enabled=true")
    assert "is synced and works" not in process.log.read_text()
    plane.api.apply(definition(**{CRD_VERSION_ANNOTATION: "99"}))  # of a later release: fine
    await process.ready()
    await until(lambda: "is synced and works" in process.log.read_text(), "it works")


async def test_a_right_that_is_taken_away_later_is_noticed(
    make_control_plane: Callable[..., ControlPlane], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plane, clock, metrics = make_control_plane(), VirtualClock(), Metrics()
    apply_rbac(plane, "site", USERS["site"])
    path = plane.client_kubeconfig(USERS["site"], path=tmp_path / "site.kubeconfig")
    cluster = HttpCluster(Connection.from_kubeconfig(path))
    handshake = Handshake(cluster, clock, needs_of("site", "policloud-system"), report=metrics.requirement)
    unmet = 'policloud_requirement_unmet{requirement="permissions"}'
    with caplog.at_level(logging.INFO):
        await handshake._look()
        assert handshake.fit.is_set()
        assert [handshake.problem(r) for r in Requirement] == [None, None, None]
        assert f"{unmet} 0.0" in metrics.render().decode()
        plane.api.apply(role_without("site", "nodes"))
        await until(lambda: _looked(handshake), "the API server has noticed")
        told = handshake.problem(Requirement.PERMISSIONS) or ""
        assert "missing 3 of" in told
        assert "list nodes, watch nodes, patch nodes" in told
        assert f"{unmet} 1.0" in metrics.render().decode()
        assert caplog.text.count("list nodes, watch nodes") == 1  # said once, however often it is asked
    await cluster.close()


async def _looked(handshake: Handshake) -> bool:
    await handshake._look()
    return handshake.problem(Requirement.PERMISSIONS) is not None


class Older:
    """A real API server that says it is of another release, since an older one cannot be built beside ours."""

    def __init__(self, cluster: HttpCluster, version: str) -> None:
        self._cluster, self._version = cluster, version
        self.get, self.create = cluster.get, cluster.create

    async def version(self) -> str:
        return self._version


@pytest.mark.parametrize(
    ("version", "good"),
    [("v1.32.9+k3s1", False), ("v1.33.0", True), ("v1.37.0-rc.1", True), ("v2.0", True), ("?", False)],
)
async def test_a_cluster_too_old_is_told_its_floor(api_server: ControlPlane, version: str, good: bool) -> None:  # noqa: FBT001
    cluster = HttpCluster(Connection.from_kubeconfig(api_server.kubeconfig))
    needs = needs_of("site", "policloud-system")
    handshake = Handshake(Older(cluster, version), VirtualClock(), Needs("site", needs.kinds, ()))
    await handshake._look()
    told = handshake.problem(Requirement.KUBERNETES)
    assert handshake.fit.is_set() is good
    assert (told is None) is good
    if told is not None:
        assert f"runs Kubernetes {version}" in told
        assert "needs 1.33 or later" in told
    await cluster.close()


def test_rights_come_from_the_manifests() -> None:
    site = rights_of("site", "elsewhere")
    assert {r.namespace for r in site} == {"", "elsewhere"}
    assert "create serviceaccounts/token policloud-federated in elsewhere" in map(str, site)
    assert "get customresourcedefinitions.apiextensions.k8s.io " + str(SITE_MANDATE) in map(str, site)
    assert not any("*" in str(right) for right in (*site, *rights_of("hub", "elsewhere")))
