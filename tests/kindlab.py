"""A federation on kind as a new user makes it: image, charts by the real helm, two commands for each site."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import bodies
from policloud.api.names import GPU_RESOURCE, SITE_NAMESPACE_PREFIX, SYSTEM_NAMESPACE
from policloud.api.resources import API_VERSION
from policloud.testing.helm import HelmError, helm
from policloud.testing.kind import KindCluster, KindError
from policloud.testing.kind.docker import has_image

ROOT = Path(__file__).resolve().parents[1]
REPOSITORY = "localhost/policloud/policloud-operator"
IDENTITY_PORT = 30443
PUBLISHED = ["location", "operator", "ownership", "exposures", "pools", "networkPolicy"]
TENANT = "parc-eolien"
WORDS = "a replica on a real node"
_POLL_SECONDS = 0.5


def operator_image() -> str:
    """The image of this checkout, built unless its content is there already."""
    named = os.environ.get("POLICLOUD_IMAGE")
    if named:
        return named
    builder = ROOT / "hack" / "image" / "build.py"
    subprocess.run([sys.executable, builder], check=True, cwd=ROOT, stdout=subprocess.DEVNULL)
    name = f"{REPOSITORY}:{version('policloud-operator')}"
    assert has_image(name), f"hack/image/build.py left no {name} in Docker"
    return name


def wait(what: str, condition: Callable[[], Any], told: Callable[[], str] = str, seconds: float = 120.0) -> Any:
    """What `condition` returns once that is true."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"not within {seconds:.0f} s: {what}\n{told()}"
        time.sleep(_POLL_SECONDS)
    return found


@dataclass
class KindFederation:
    """`seconds`: how long each step took, for the report."""

    hub: KindCluster
    sites: dict[str, KindCluster]
    folder: Path
    image: str
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def clusters(self) -> list[KindCluster]:
        return [self.hub, *self.sites.values()]

    def load(self) -> None:
        for cluster in self.clusters:
            cluster.load_image(self.image)

    def install_hub(self, **values: Any) -> None:
        identity = {
            "url": self.hub.node_port(IDENTITY_PORT),
            "service": {"type": "NodePort", "nodePort": IDENTITY_PORT},
        }
        given = {"hubId": bodies.HUB, "apiUrl": self.hub.internal_server, "identity": identity, **values}
        self._install(self.hub, "policloud-hub", given)

    def invite(self, site: str) -> Path:
        """The first of the two commands; the file that is carried to the site."""
        out = self.folder / f"{site}.yaml"
        command = [
            "hub",
            "--kubeconfig",
            str(self.hub.kubeconfig),
            "invite",
            site,
            "--format",
            "values",
            "--out",
            str(out),
        ]
        self.policloud(*command)
        return out

    def install_site(self, site: str, *files: Path, **values: Any) -> None:
        self._install(self.sites[site], "policloud-site", values, *files)

    def policloud(self, *arguments: str) -> str:
        program = Path(sys.executable).with_name("policloud")
        answer = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=120, check=False)
        assert answer.returncode == 0, f"policloud {' '.join(arguments)}: {answer.stderr}{answer.stdout}"
        return answer.stdout

    def furnish(self, site: str, *, gpus: int = 8) -> None:
        """GPUs on the site's schedulable nodes, a unit and a mandate of its owner; the hub attests what it is told."""
        cluster = self.sites[site]
        unit = f"{site}-1"
        for node in cluster.nodes():
            cluster.advertise_gpus(gpus, node=node, labels={"policloud.io/pool": unit})
        owned = bodies.unit(unit)
        owned["spec"] |= {"networkPolicy": "None", "federation": {"publish": PUBLISHED}}
        cluster.kubectl("apply", "-f", "-", stdin=_stream(_grid(), owned, bodies.mandate(TENANT, notice=1)))
        attested = [{"unit": unit, **{k: owned["spec"][k] for k in ("location", "operator", "ownership", "exposures")}}]
        patch = json.dumps({"spec": {"attested": attested}})
        self.hub.kubectl("patch", "smb", site, "-n", SITE_NAMESPACE_PREFIX + site, "--type=merge", "-p", patch)

    def joined(self, site: str) -> bool:
        membership = self.hub.get("smb", site, "-n", SITE_NAMESPACE_PREFIX + site)
        return _true(membership, "Ready")

    def submit(self, name: str, replicas: int = 1) -> None:
        workload = bodies.inference(name, TENANT, replicas)
        script = f"import time; print({WORDS!r}, flush=True); time.sleep(86400)"
        workload["spec"]["inference"]["template"]["spec"] = {"containers": [_container(self.image, script)]}
        space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": TENANT}}
        self.hub.kubectl("apply", "-f", "-", stdin=_stream(space, workload))

    def workload(self, name: str) -> Any:
        return self.hub.get("sovereignworkload", name, "-n", TENANT)

    def runs(self, name: str) -> bool:
        return _true(self.workload(name), "Ready")

    def pods(self, site: str) -> list[dict[str, Any]]:
        """Of work from the hub."""
        found = self.sites[site].get("pods", "-A", "-l", "policloud.io/workload")["items"]
        return [pod for pod in found if GPU_RESOURCE in json.dumps(pod["spec"])]

    def tell(self) -> str:
        """What a person would look at first."""
        return "\n".join(map(self._told_by, self.clusters))

    def _told_by(self, cluster: KindCluster) -> str:
        logs = [
            cluster.kubectl("logs", "-n", SYSTEM_NAMESPACE, "-l", f"app.kubernetes.io/name={chart}", "--tail=25")
            for chart in ("policloud-hub", "policloud-site")
        ]
        known = "pods,sitememberships,policloudunits,sovereignworkloads,workoffers"
        try:
            objects = cluster.kubectl("get", known, "-A", "-o", "wide")
        except KindError:  # nothing of ours is installed there
            objects = cluster.kubectl("get", "pods", "-A", "-o", "wide")
        return "\n".join([f"== {cluster.name}", objects, *logs])

    def _install(self, cluster: KindCluster, chart: str, values: dict[str, Any], *files: Path) -> None:
        repository, _, tag = self.image.rpartition(":")
        given = {"image": {"repository": repository, "tag": tag, "pullPolicy": "Never"}, **values}
        own = self.folder / f"{cluster.name}.{chart}.json"
        own.write_text(json.dumps(given))
        begin = time.monotonic()
        command = ["upgrade", "--install", chart, str(ROOT / "charts" / chart), "--namespace", SYSTEM_NAMESPACE]
        command += [
            "--create-namespace",
            "--wait",
            "--timeout",
            "180s",
            *(f"--values={path}" for path in (*files, own)),
        ]
        try:
            helm(*command, kubeconfig=cluster.kubeconfig)
        except HelmError as error:
            raise AssertionError(f"{error}\n{self._told_by(cluster)}") from error
        self.seconds[f"{cluster.name}: helm install to Ready"] = time.monotonic() - begin


def _grid() -> dict[str, Any]:
    """A mains connection with a meter that always shows the same."""
    meter = {"name": "feeder", "quantity": "SiteImport", "simulated": {"constant": {"watts": 2000}}}
    telemetry = {"periodSeconds": 2, "staleAfterSeconds": 20, "deadAfterSeconds": 120, "meters": [meter]}
    spec = {
        "type": "Grid",
        "connection": "Grid",
        "nameplateWatts": 20000,
        "importLimitWatts": 20000,
        "telemetry": telemetry,
    }
    return {
        "apiVersion": API_VERSION,
        "kind": "EnergySource",
        "metadata": {"name": "grid", "namespace": SYSTEM_NAMESPACE},
        "spec": spec,
    }


def _stream(*objects: dict[str, Any]) -> str:
    return "\n---\n".join(map(json.dumps, objects))


def _true(body: dict[str, Any], condition: str) -> bool:
    found = (body.get("status") or {}).get("conditions") or ()
    return any(c["type"] == condition and c["status"] == "True" for c in found)


def _container(image: str, script: str) -> dict[str, Any]:
    return {
        "name": "server",
        "image": image,
        "imagePullPolicy": "Never",
        "command": ["python3", "-c", script],
        "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}},
    }
