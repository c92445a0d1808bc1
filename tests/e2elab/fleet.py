"""One hub and its sites as their people run them: two commands a site, helm for the rest. Used by every scenario."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import bodies
from e2elab import objects
from e2elab.cluster import NAMESPACE, RELEASES, Body, Cluster, Release, Role
from e2elab.inventory import Inventory
from e2elab.objects import TENANT, stream, unit_name
from e2elab.state import condition, get, is_true, listed, until
from policloud.testing.helm import HelmError, helm

_HELM_SECONDS = 180
CRD_OWNER = "policloud.io"


class Fleet:
    """`steps`: seconds of what a user waits for, for the report. `as_made`: each cluster, before anything of ours."""

    def __init__(
        self, hub: Cluster, sites: Mapping[str, Cluster], folder: Path, ours: Release, frozen: Release
    ) -> None:
        self.hub, self.sites, self._folder = hub, dict(sites), folder
        self.ours, self.frozen = ours, frozen
        self.steps: dict[str, float] = {}
        self.as_made: dict[str, Inventory] = {}

    @property
    def clusters(self) -> list[Cluster]:
        return [self.hub, *self.sites.values()]

    # Installing

    def install_hub(self, release: Release | None = None, **values: Any) -> None:
        there = self.hub.endpoints()
        own = self.hub.values("hub")
        identity = {"url": there.identity, **own.pop("identity", {})}
        given = {"hubId": bodies.HUB, "apiUrl": there.api, "identity": identity, **own, **values}
        self._helm_install(self.hub, "hub", release or self.ours, given)

    def install_site(self, cluster: Cluster, *files: Path, release: Release | None = None, **values: Any) -> None:
        self._helm_install(cluster, "site", release or self.ours, {**cluster.values("site"), **values}, *files)

    def invite(self, site: str) -> Path:
        """The first of the two commands by which a site joins; the file that is carried to it."""
        out = self._folder / f"{site}.values.yaml"
        self.policloud("hub", "--kubeconfig", self.hub.kubeconfig, "invite", site, "--format", "values", "--out", out)
        return out

    def policloud(self, *arguments: str | Path) -> str:
        program = [sys.executable, "-m", "policloud.cli.main"]
        answer = subprocess.run([*program, *arguments], capture_output=True, text=True, timeout=120, check=False)
        words = " ".join(map(str, arguments))
        assert answer.returncode == 0, f"policloud {words}: {answer.stderr}{answer.stdout}"
        return answer.stdout

    def uninstall(self, cluster: Cluster, role: Role, *, hooks: bool = True) -> None:
        """HelmError if the guard refuses."""
        more = [] if hooks else ["--no-hooks"]
        helm(
            *("uninstall", RELEASES[role], "--namespace", NAMESPACE, "--wait", "--timeout", f"{_HELM_SECONDS}s", *more),
            kubeconfig=cluster.kubeconfig,
        )

    def rollback(self, cluster: Cluster, role: Role) -> None:
        """To the release before, and wait until that is ready."""
        helm(
            *("rollback", RELEASES[role], "--namespace", NAMESPACE, "--wait", "--timeout", f"{_HELM_SECONDS}s"),
            kubeconfig=cluster.kubeconfig,
        )

    def helm_test(self, cluster: Cluster, role: Role) -> str:
        return helm(
            *("test", RELEASES[role], "--namespace", NAMESPACE, "--timeout", f"{_HELM_SECONDS}s"),
            kubeconfig=cluster.kubeconfig,
        )

    @staticmethod
    def force_uninstall(cluster: Cluster, release: str) -> None:
        """Without asking the guard."""
        helm("uninstall", release, "--namespace", NAMESPACE, "--no-hooks", "--wait", kubeconfig=cluster.kubeconfig)

    @staticmethod
    def installed(cluster: Cluster) -> list[str]:
        releases = json.loads(helm("list", "-A", "-o", "json", kubeconfig=cluster.kubeconfig))
        return sorted(release["name"] for release in releases)

    def _helm_install(self, cluster: Cluster, role: Role, release: Release, values: Body, *files: Path) -> None:
        cluster.provide(release)
        repository, _, tag = release.image.rpartition(":")
        image = {"repository": repository, "tag": tag, "pullPolicy": "Never"}
        own = self._folder / f"{cluster.name}.{role}.json"
        own.write_text(json.dumps({"image": image, **values}))
        begin = time.monotonic()
        command = ["upgrade", "--install", RELEASES[role], str(release.charts[role]), "--namespace", NAMESPACE]
        command += ["--create-namespace", "--wait", "--timeout", f"{_HELM_SECONDS}s"]
        command += [f"--values={path}" for path in (*files, own)]
        try:
            helm(*command, kubeconfig=cluster.kubeconfig)
        except HelmError as error:
            raise AssertionError(f"{error}\n{cluster.operator_log(role)[-6000:]}") from error
        self.steps.setdefault(f"helm install {role} to Ready", time.monotonic() - begin)

    # Owners, platform team, tenants

    def furnish(self, site: str, cluster: Cluster | None = None) -> None:
        """The owner's objects on the site, and on the hub the facts that are vouched for."""
        there = cluster or self.sites[site]
        there.kubectl("apply", "-f", "-", input=stream(objects.grid(), objects.unit(site), objects.mandate()))
        patch = json.dumps(objects.attested(site))
        self.hub.kubectl("patch", "smb", site, "-n", f"site-{site}", "--type=merge", "-p", patch)

    def submit(self, name: str, replicas: int, *, at: list[str], mobility: str = "Preferred") -> None:
        made = objects.workload(name, replicas, at=at, image=self.ours.image, mobility=mobility)
        self.hub.kubectl("apply", "-f", "-", input=stream(objects.namespace(TENANT), made))

    def scale(self, name: str, replicas: int) -> None:
        patch = json.dumps({"spec": {"inference": {"replicas": replicas}}})
        self.hub.kubectl("patch", "swl", name, "-n", TENANT, "--type=merge", "-p", patch)

    def workload(self, name: str) -> Body | None:
        return get(self.hub, "swl", name, TENANT)

    def membership(self, site: str) -> Body | None:
        return get(self.hub, "smb", site, f"site-{site}")

    def pods(self, site: str, name: str = "", *, cluster: Cluster | None = None) -> list[Body]:
        """Of work from the hub (of one workload): what has neither ended nor is about to."""
        found = listed(cluster or self.sites[site], "pods", "-l", "policloud.io/workload")
        return [
            pod
            for pod in found
            if pod["metadata"]["labels"]["policloud.io/workload"].startswith(f"{name}-" if name else "")
            and not pod["metadata"].get("deletionTimestamp")
            and pod["status"].get("phase") in {"Pending", "Running"}
        ]

    def everywhere(self, name: str) -> dict[str, list[Body]]:
        """As `pods`, by site, of those that have some."""
        found = {site: self.pods(site, name) for site in self.sites}
        return {site: pods for site, pods in found.items() if pods}

    # Waiting

    def wait_running(self, name: str, replicas: int, site: str = "", seconds: float = 60) -> list[Body]:
        """Just so many pods on that site, or on all together, all ready, and the hub knows."""

        def look() -> list[Body]:
            pods = self.pods(site, name) if site else [pod for found in self.everywhere(name).values() for pod in found]
            ready = [pod for pod in pods if is_true(pod, "Ready")]
            return pods if len(ready) == len(pods) == replicas and self.ready(name, replicas) else []

        where = f"at {site}" if site else "on all sites together"
        return until(look, seconds, what=f"{name} runs {replicas} times {where}", seen=lambda: self.told(name))

    def ready(self, name: str, replicas: int) -> bool:
        found = self.workload(name) or {}
        return is_true(found, "Ready") and found["status"].get("readyReplicas") == replicas

    def wait_joined(self, site: str, seconds: float = 90) -> None:
        """Heard, Ready, and its unit is known to the hub as one that takes work."""

        def look() -> bool:
            copy = get(self.hub, "pcu", unit_name(site), f"site-{site}")
            return is_true(self.membership(site), "Ready") and is_true(copy, "Ready")

        until(look, seconds, what=f"{site} has joined", seen=lambda: self._membership_told(site))

    def wait_reachable(self, site: str, *, reachable: bool, seconds: float = 90) -> None:
        wanted = "True" if reachable else "False"
        until(
            lambda: condition(self.membership(site), "Reachable").get("status") == wanted,
            seconds,
            what=f"the hub finds {site} {'' if reachable else 'not '}reachable",
            seen=lambda: self._membership_told(site),
        )

    def remove_work(self, seconds: float = 120) -> None:
        """Every workload of tenants, to the last pod."""
        if not get(self.hub, "crd", f"sovereignworkloads.{CRD_OWNER}", ""):
            return
        self.hub.kubectl("delete", "swl", "--all", "-n", TENANT, f"--timeout={seconds:.0f}s")
        for site in self.sites:
            until(lambda at=site: not self.pods(at), seconds, what=f"no pod is left at {site}")

    def told(self, name: str) -> object:
        body = self.workload(name) or {}
        status = body.get("status") or {}
        pods = {site: [pod["metadata"]["name"] for pod in self.pods(site)] for site in self.sites}
        kept = {k: status.get(k) for k in ("placements", "readyReplicas", "decision")}
        return {"ready": condition(body, "Ready"), **kept, "pods": pods}

    def _membership_told(self, site: str) -> object:
        conditions = ((self.membership(site) or {}).get("status") or {}).get("conditions")
        return {
            "conditions": conditions,
            "log": self.sites[site].operator_log("site")[-3000:] if site in self.sites else "",
        }
