"""Bring a federation up: all clusters at once within bounds, since every step is bound by the processor."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.request import urlopen

from policloud.testing.controlplane import ControlPlaneError, apply_crds
from policloud.testing.controlplane.errors import last_lines
from policloud.testing.controlplane.plane import ControlPlane
from policloud.testing.controlplane.progress import Progress
from policloud.testing.local import operators
from policloud.testing.local.components import parse
from policloud.testing.local.errors import LocalError
from policloud.testing.local.fleet import SiteFolder
from policloud.testing.local.hardware import create_hardware
from policloud.testing.local.invitation import write_join_file
from policloud.testing.local.rbac import apply_rbac
from policloud.testing.local.timeline import Timeline

if TYPE_CHECKING:
    from policloud.testing.local.federation import Federation

_READY_SECONDS = 180.0
_POLL_SECONDS = 0.25
_API = "/apis/policloud.io/v1alpha1"
_STEPS_PER_SITE = 5


class Startup:
    """One start of one federation."""

    def __init__(self, federation: Federation, progress: Progress) -> None:
        self._federation = federation
        self._layout = federation.layout
        self._state = federation.state
        self._progress = progress
        self._timeline = Timeline()
        self._advance: Callable[[float], None] = lambda _: None
        self._hub_ready = threading.Event()
        self._failed = threading.Event()

    def run(self) -> Timeline:
        sites = self._federation.site_folders()
        title = f"hub and {len(sites)} sites"
        workers = 1 + max(2, (os.cpu_count() or 2))
        with self._progress.bar(title, total=3 + _STEPS_PER_SITE * len(sites)) as self._advance:
            with self._timeline.step("etcd"):
                etcd = self._federation.plane("etcd")
                etcd.start()
            _link_kubectl(self._layout.root / "bin", etcd.binaries.path("kubectl"))
            with ThreadPoolExecutor(workers, thread_name_prefix="up") as pool:
                jobs = [pool.submit(self._guarded, self._hub, sites)]
                jobs += [pool.submit(self._guarded, self._site, site) for site in sites]
            for job in jobs:
                job.result()
            with self._timeline.step("units Ready, sites Reachable"):
                self._wait_joined(sites)
        return self._timeline

    def _guarded(self, step: Callable[..., None], *arguments: Any) -> None:
        """Run it; after a first failure nothing new is begun."""
        if self._failed.is_set():
            return
        try:
            step(*arguments)
        except BaseException:
            self._failed.set()
            self._hub_ready.set()  # whoever waits for it finds out
            raise

    def _hub(self, sites: Iterable[SiteFolder]) -> None:
        plane = self._plane("hub", ("apiserver",))
        with self._timeline.step("CRDs, rights, memberships"):
            self._prepare(plane, "hub", operators.HUB_USER)
            for site in sites:
                for manifest in site.membership:
                    plane.api.apply(manifest)
        self._advance(1)
        with self._timeline.step("hub process"):
            self._federation.start_own(parse("hub", self._state.sites))
            plane.start_component("controller-manager")
            self._wait_probe("hub", "hub")
        self._hub_ready.set()
        self._advance(1)

    def _site(self, site: SiteFolder) -> None:
        plane = self._plane(site.name, ("apiserver",))
        with self._timeline.step("CRDs, rights, memberships"):
            self._prepare(plane, site.name, operators.SITE_USER)
        with self._timeline.step("nodes"):
            create_hardware(plane, site)
        self._advance(1)
        with self._timeline.step("controllers, scheduler, kwok"):
            plane.start()
        self._advance(1)
        with self._timeline.step("units, sources, mandates"):
            for manifest in site.manifests:
                plane.api.apply(manifest)
        with self._timeline.step("waiting for the hub"):
            self._hub_ready.wait(_READY_SECONDS)
        if self._failed.is_set():
            return
        with self._timeline.step("invitation"):
            write_join_file(self._layout, site.name)
        self._advance(1)
        with self._timeline.step("site process"):
            self._federation.start_own(parse(f"link:{site.name}", self._state.sites))
            self._federation.start_own(parse(f"site:{site.name}", self._state.sites))
            self._wait_probe(f"site:{site.name}", site.name)
        self._advance(1)

    def _plane(self, name: str, parts: tuple[str, ...]) -> ControlPlane:
        with self._timeline.step("API server"):
            plane = self._federation.plane(name)
            plane.start_only(parts)
            shutil.copyfile(plane.kubeconfig, self._layout.kubeconfig(name))
            self._layout.kubeconfig(name).chmod(0o600)
        self._advance(1)
        return plane

    def _prepare(self, plane: ControlPlane, name: str, user: str) -> None:
        plane.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": operators.NAMESPACE}})
        apply_crds(plane)
        apply_rbac(plane, "hub" if name == "hub" else "site", user)
        plane.client_kubeconfig(user, path=self._layout.credential(name))

    def _wait_probe(self, component: str, name: str) -> None:
        """Until the process answers on its probe port: it listens before it has synchronised."""
        url = f"http://127.0.0.1:{self._state.ports[f'probe:{name}']}/healthz"
        process = parse(component, self._state.sites).process
        end = time.monotonic() + _READY_SECONDS
        while not _answers(url):
            self._federation.processes.check(process)
            if time.monotonic() > end or self._failed.is_set():
                log = last_lines(self._federation.processes.log(process))
                raise LocalError(f"{component} does not answer on {url} within {_READY_SECONDS:.0f} s\n{log}")
            time.sleep(_POLL_SECONDS)

    def _wait_joined(self, sites: list[SiteFolder]) -> None:
        waiting = {site.name: site for site in sites}
        missing: dict[str, str] = {}
        end = time.monotonic() + _READY_SECONDS
        while waiting:
            missing = {name: self._lacking(site) for name, site in waiting.items()}
            for name in [name for name, lack in missing.items() if not lack]:
                del waiting[name]
                self._advance(1)
            for name in waiting:
                self._federation.processes.check(f"site-{name}")
            self._federation.processes.check("hub")
            if waiting and time.monotonic() > end:
                name = next(iter(waiting))
                log = last_lines(self._federation.processes.log(f"site-{name}"))
                lines = "\n".join(f"  {site}: {missing[site]}" for site in waiting)
                raise LocalError(f"not ready within {_READY_SECONDS:.0f} s:\n{lines}\n{log}")
            if waiting:
                time.sleep(_POLL_SECONDS)

    def _lacking(self, site: SiteFolder) -> str:
        """What is still missing, or an empty text."""
        plane, hub = self._federation.plane(site.name), self._federation.plane("hub")
        for namespace, name in site.units:
            lack = _not_true(plane, f"{_API}/namespaces/{namespace}/policloudunits/{name}", "Ready")
            if lack:
                return f"unit {name}: {lack}"
        path = f"{_API}/namespaces/site-{site.name}/sitememberships/{site.name}"
        lack = _not_true(hub, path, "Reachable")
        return f"membership: {lack}" if lack else ""


def _link_kubectl(folder: Path, kubectl: Path) -> None:
    """So that people have a kubectl that fits, without searching a cache for it."""
    folder.mkdir()
    (folder / "kubectl").symlink_to(kubectl)


def _not_true(plane: ControlPlane, path: str, condition: str) -> str:
    try:
        status, text = plane.api.raw("GET", path)
    except (OSError, http.client.HTTPException) as error:
        return f"the API server does not answer: {error}"
    if status != 200:  # noqa: PLR2004 - HTTP
        raise ControlPlaneError(f"GET {path}: {status} {text[:300]}")
    for entry in json.loads(text).get("status", {}).get("conditions", ()):
        if entry["type"] == condition:
            found = f"{condition}={entry['status']} {entry.get('reason', '')}: {entry.get('message', '')}"
            return "" if entry["status"] == "True" else found
    return f"no condition {condition} yet"


def _answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=2):  # noqa: S310 - our own http URL
            return True
    except (OSError, http.client.HTTPException) as error:
        return hasattr(error, "code")  # an answer that says "not healthy yet" is an answer
