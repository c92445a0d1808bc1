"""A real Kubernetes control plane as processes of this machine, for tests and local federations."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import cached_property
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from policloud.testing.controlplane import components as commands
from policloud.testing.controlplane.binaries import API_PROGRAMS, Binaries, find_binaries
from policloud.testing.controlplane.certificates import Authority, Pair, kubeconfig
from policloud.testing.controlplane.components import COMPONENTS, PROGRAM_OF, Addresses, Files
from policloud.testing.controlplane.errors import ControlPlaneError, last_lines
from policloud.testing.controlplane.ports import LOOPBACK, free_port, is_free
from policloud.testing.controlplane.processes import Processes
from policloud.testing.controlplane.rest import RestClient

_READY_SECONDS = 90.0
_POLL_SECONDS = 0.05
_PORT_TRIES = 5
_ADMIN_GROUP = "system:masters"
_PORT_TAKEN = ("address already in use", "failed to listen on", "failed to create listener")


class ControlPlane:
    """One API server and what belongs to it, all of its state below `directory`.

    `components`: which of etcd, apiserver, controller-manager, scheduler, kwok. Without etcd, `etcd_url` names one that
    runs already and `etcd_prefix` the part of it that is ours. `attached`: the processes die with this one, even if it
    is killed; otherwise they live on, and a later process that makes a ControlPlane of the same directory finds them.
    """

    def __init__(
        self,
        directory: Path,
        name: str,
        components: Sequence[str] = ("etcd", "apiserver"),
        *,
        etcd_url: str | None = None,
        etcd_prefix: str = "/registry",
        attached: bool = True,
        audit: bool = False,
        binaries: Binaries | None = None,
    ) -> None:
        unknown = [component for component in components if component not in COMPONENTS]
        if unknown:
            raise ControlPlaneError(f"no component is named {unknown[0]}; there are {', '.join(COMPONENTS)}")
        if "etcd" not in components and etcd_url is None and "apiserver" in components:
            raise ControlPlaneError(f"{name}: an API server without an etcd of its own needs etcd_url")
        self.directory = directory.resolve()
        self.name = name
        self.components = tuple(component for component in COMPONENTS if component in components)
        self.processes = Processes(self.directory, attached=attached)
        self._etcd_url = etcd_url
        self._etcd_prefix = etcd_prefix
        self._audit = audit
        self._binaries = binaries
        self._addresses: Addresses | None = self._stored_addresses()

    # What a user of it needs

    @property
    def url(self) -> str:
        return self.addresses.api_url

    @property
    def etcd_url(self) -> str:
        return self.addresses.etcd_url

    @property
    def started_once(self) -> bool:
        return self._addresses is not None

    @property
    def addresses(self) -> Addresses:
        if self._addresses is None:
            raise ControlPlaneError(f"control plane {self.name} was never started")
        return self._addresses

    @cached_property
    def authority(self) -> Authority:
        """Issues the certificates of this control plane, and of what is to be trusted like it."""
        return Authority(self.directory / "pki", self.name)

    @property
    def ca_pem(self) -> str:
        return self.authority.pem

    @property
    def kubeconfig(self) -> Path:
        """Of an administrator; self-contained."""
        return self.directory / "admin.kubeconfig"

    @property
    def audit_log(self) -> Path:
        """JSON lines, one an answered request, metadata only; flushed within 0.2 s. Empty without `audit`."""
        return self.directory / "logs" / "audit.log"

    @cached_property
    def api(self) -> RestClient:
        """As administrator, for preparing and checking."""
        return RestClient(self.url, self.authority.certificate, self._admin)

    @property
    def binaries(self) -> Binaries:
        if self._binaries is None:
            self._binaries = find_binaries(self._programs)
        return self._binaries

    def client_kubeconfig(self, user: str, groups: Sequence[str] = (), *, path: Path | None = None) -> Path:
        """A kubeconfig for a user who has only the rights that RBAC gives to that name and these groups."""
        target = path or self.directory / "kubeconfigs" / f"{user.replace(':', '_').replace('/', '_')}.kubeconfig"
        target.parent.mkdir(parents=True, exist_ok=True)
        return self._write_kubeconfig(target, self.authority.client(user, groups))

    def kubectl(self, *arguments: str, input: str | None = None) -> str:  # noqa: A002 - as subprocess calls it
        """Its stdout. Raises ControlPlaneError with its stderr if it fails."""
        command = [str(self.binaries.path("kubectl")), f"--kubeconfig={self.kubeconfig}"]
        command.append(f"--cache-dir={self.directory / 'kubectl-cache'}")
        answer = subprocess.run(
            [*command, *arguments],
            input=input,
            capture_output=True,
            text=True,
            check=False,
            env=os.environ | {"KUBERC": "off"},
        )
        if answer.returncode != 0:
            raise ControlPlaneError(f"kubectl {' '.join(arguments)}: {answer.stderr.strip()}")
        return answer.stdout

    # Starting and stopping

    def start(self) -> None:
        """Start all components and wait until the API server is ready. Does nothing for what runs already."""
        self.start_only(self.components)

    def start_only(self, components: Sequence[str]) -> None:
        """Like `start`, for some of the components."""
        wanted = [self._known(component) for component in components]
        if self._addresses is None:
            self._start_on_new_ports(wanted)
        else:
            self._start_all(wanted)

    def stop(self) -> None:
        """Stop everything, data kept. The API server is not waited for longer than needed."""
        for component in reversed(self.components):
            self.processes.stop(component, seconds=5.0)

    def stop_component(self, component: str) -> None:
        """Stop it in an orderly way and wait until it is gone and its port free."""
        self.processes.stop(self._known(component))
        if component == "apiserver":
            self._wait(lambda: is_free(self.addresses.api_port), f"port {self.addresses.api_port} is still taken")

    def kill_component(self, component: str) -> None:
        """SIGKILL."""
        self.processes.kill(self._known(component))

    def start_component(self, component: str) -> None:
        """Start it again: same port, same data, same certificates. Waits until it is ready."""
        self.processes.start(component, self._command(self._known(component)))
        self._wait_ready(component)

    def remove(self) -> None:
        """Stop it and delete its directory."""
        for component in reversed(self.components):
            self.processes.kill(component)
        shutil.rmtree(self.directory, ignore_errors=True)

    # Inside

    @property
    def _admin(self) -> Pair:
        return self.authority.client("policloud-local-admin", [_ADMIN_GROUP])

    @property
    def _programs(self) -> tuple[str, ...]:
        own = {PROGRAM_OF[component] for component in self.components}
        return API_PROGRAMS if own <= set(API_PROGRAMS) else tuple(sorted(own | set(API_PROGRAMS)))

    def _known(self, component: str) -> str:
        if component not in self.components:
            raise ControlPlaneError(f"{self.name} has no {component}; it has {', '.join(self.components)}")
        return component

    def _stored_addresses(self) -> Addresses | None:
        try:
            return Addresses(**json.loads((self.directory / "addresses.json").read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def _start_on_new_ports(self, components: Sequence[str]) -> None:
        """Between choosing a port and listening on it somebody else may take it: choose again."""
        for attempt in range(_PORT_TRIES):
            self._addresses = Addresses(
                free_port(), self._etcd_url or f"http://{LOOPBACK}:{free_port()}", self._etcd_prefix
            )
            self._prepare()
            try:
                self._start_all(components)
            except ControlPlaneError as error:
                if attempt + 1 == _PORT_TRIES or not any(text in str(error) for text in _PORT_TAKEN):
                    raise
                self.stop()
                self.__dict__.pop("api", None)
            else:
                return

    def _prepare(self) -> None:
        """Everything that the programs read. Addresses last: they mark the directory as complete."""
        for folder in ("logs", "run", "kubeconfigs"):
            (self.directory / folder).mkdir(parents=True, exist_ok=True)
        files = self._files
        files.audit_policy.write_text(commands.AUDIT_POLICY)
        files.stages.write_text(package_files(__package__).joinpath("stages.yaml").read_text())
        self._write_kubeconfig(self.kubeconfig, self._admin)
        for component in self.components:
            if component not in {"etcd", "apiserver"}:
                user = "system:kube-scheduler" if component == "scheduler" else f"policloud-local-{component}"
                groups = [] if component == "scheduler" else [_ADMIN_GROUP]
                path = files.kubeconfigs / f"{component}.kubeconfig"
                self._write_kubeconfig(path, self.authority.client(user, groups))
        (self.directory / "addresses.json").write_text(json.dumps(asdict(self.addresses)))

    def _write_kubeconfig(self, path: Path, client: Pair) -> Path:
        return kubeconfig(path, cluster=self.name, server=self.url, ca=self.authority.certificate, client=client)

    @cached_property
    def _files(self) -> Files:
        return Files(
            ca=self.authority.certificate,
            server=self.authority.server("apiserver", [LOOPBACK, "localhost", "kubernetes.default.svc", "10.0.0.1"]),
            service_account=self.authority.signing_key("service-account"),
            audit_policy=self.directory / "audit-policy.yaml",
            audit_log=self.audit_log,
            stages=self.directory / "stages.yaml",
            kubeconfigs=self.directory / "kubeconfigs",
        )

    def _command(self, component: str) -> list[str]:
        if component == "etcd":
            return commands.etcd(self.binaries, self.directory / "etcd", self.etcd_url)
        if component == "apiserver":
            return commands.apiserver(
                self.binaries,
                self.addresses,
                self._files,
                service_accounts="controller-manager" in self.components,
                audit=self._audit,
            )
        make = {
            "controller-manager": commands.controller_manager,
            "scheduler": commands.scheduler,
            "kwok": commands.kwok,
        }[component]
        return make(self.binaries, self._files)

    def _start_all(self, components: Sequence[str]) -> None:
        """etcd, then the API server, then the rest together."""
        for component in ("etcd", "apiserver"):
            if component in components:
                self.start_component(component)
        rest = [component for component in components if component not in {"etcd", "apiserver"}]
        for component in rest:
            self.processes.start(component, self._command(component))
        for component in rest:
            self._wait_ready(component)
        for component in components:
            self.processes.check(component)

    def _wait_ready(self, component: str) -> None:
        if component == "etcd":
            self._wait(self._etcd_healthy, "etcd did not become healthy", component)
        elif component == "apiserver":
            self._wait(lambda: self._api_status("/readyz") == 200, "the API server did not become ready", component)  # noqa: PLR2004
        elif component == "controller-manager":
            path = "/api/v1/namespaces/default/serviceaccounts/default"  # made by one of its controllers
            self._wait(lambda: self._api_status(path) == 200, "no controller has done anything", component)  # noqa: PLR2004
        else:
            self.processes.check(component)

    def _etcd_healthy(self) -> bool:
        try:
            with urlopen(f"{self.etcd_url}/health", timeout=5) as answer:  # noqa: S310 - our own http URL
                health: dict[str, Any] = json.load(answer)
        except (OSError, ValueError, http.client.HTTPException):
            return False
        return health.get("health") == "true"

    def _api_status(self, path: str) -> int:
        try:
            return self.api.raw("GET", path)[0]
        except (OSError, http.client.HTTPException):
            return 0

    def _wait(self, condition: Callable[[], bool], what: str, component: str | None = None) -> None:
        end = time.monotonic() + _READY_SECONDS
        while not condition():
            if component is not None:
                self.processes.check(component)
            if time.monotonic() > end:
                log = f"\n{last_lines(self.processes.log(component))}" if component else ""
                raise ControlPlaneError(f"{self.name}: {what} within {_READY_SECONDS:.0f} s{log}")
            time.sleep(_POLL_SECONDS)
