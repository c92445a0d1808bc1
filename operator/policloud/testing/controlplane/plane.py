"""A real Kubernetes control plane as processes of this machine, for tests and local federations."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path

from policloud.testing.controlplane import components as commands
from policloud.testing.controlplane import kine
from policloud.testing.controlplane.binaries import API_PROGRAMS, Binaries, find_binaries
from policloud.testing.controlplane.certificates import Authority, Pair, kubeconfig
from policloud.testing.controlplane.components import COMPONENTS, PROGRAM_OF, STORES, Addresses, Files
from policloud.testing.controlplane.errors import ControlPlaneError
from policloud.testing.controlplane.ports import LOOPBACK, free_port, is_free
from policloud.testing.controlplane.preparation import ADMIN_GROUP, files_of, prepare
from policloud.testing.controlplane.processes import Processes
from policloud.testing.controlplane.readiness import wait_for, wait_ready
from policloud.testing.controlplane.rest import RestClient

_PORT_TRIES = 5
_PORT_TAKEN = ("address already in use", "failed to listen on", "failed to create listener")


class ControlPlane:
    """One API server and what belongs to it, all of its state below `directory`.

    `components`: which of etcd, apiserver, controller-manager, scheduler, kwok; kine, the store of k3s, may take the
    place of etcd. Without either, `etcd_url` names one that runs already and `etcd_prefix` the part of it that is ours.
    `arguments`: further ones, by component. `attached`: the processes die with this one, even if it
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
        arguments: Mapping[str, Sequence[str]] | None = None,
        binaries: Binaries | None = None,
    ) -> None:
        unknown = [component for component in components if component not in COMPONENTS]
        if unknown:
            raise ControlPlaneError(f"no component is named {unknown[0]}; there are {', '.join(COMPONENTS)}")
        stores = [component for component in STORES if component in components]
        if len(stores) > 1:
            raise ControlPlaneError(f"{name}: an API server has one store; take etcd or kine, not both")
        if not stores and etcd_url is None and "apiserver" in components:
            raise ControlPlaneError(f"{name}: an API server without an etcd or kine of its own needs etcd_url")
        self.directory = directory.resolve()
        self.name = name
        self.components = tuple(component for component in COMPONENTS if component in components)
        self.processes = Processes(self.directory, attached=attached)
        self._etcd_url = etcd_url
        self._etcd_prefix = etcd_prefix
        self._audit = audit
        self._arguments = dict(arguments or {})
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

    @cached_property
    def _probe(self) -> RestClient:
        """Impatient: what accepts connections on our port and says nothing may be somebody else's server."""
        return RestClient(self.url, self.authority.certificate, self._admin, timeout=3.0)

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
            port = self.addresses.api_port
            wait_for(lambda: is_free(port), f"{self.name}: port {port} did not become free")

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
        return self.authority.client("policloud-local-admin", [ADMIN_GROUP])

    @property
    def _programs(self) -> tuple[str, ...]:
        own = {PROGRAM_OF[component] for component in self.components if component != "kine"}  # found elsewhere
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
                for client in ("api", "_probe"):  # made for the old port
                    self.__dict__.pop(client, None)
            else:
                return

    def _prepare(self) -> None:
        """Addresses last: they mark the directory as complete."""
        prepare(self.directory, self.name, self.url, self.authority, self.components)
        self._write_kubeconfig(self.kubeconfig, self._admin)
        (self.directory / "addresses.json").write_text(json.dumps(asdict(self.addresses)))

    def _write_kubeconfig(self, path: Path, client: Pair) -> Path:
        return kubeconfig(path, cluster=self.name, server=self.url, ca=self.authority.certificate, client=client)

    @cached_property
    def _files(self) -> Files:
        return files_of(self.directory, self.authority)

    def _command(self, component: str) -> list[str]:
        return [*self._own_command(component), *self._arguments.get(component, ())]

    def _own_command(self, component: str) -> list[str]:
        if component == "kine":
            return kine.command(self.directory / "kine", self.etcd_url)
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
        """The store, then the API server, then the rest together."""
        first = (*STORES, "apiserver")
        for component in first:
            if component in components:
                self.start_component(component)
        rest = [component for component in components if component not in first]
        for component in rest:
            self.processes.start(component, self._command(component))
        for component in rest:
            self._wait_ready(component)
        for component in components:
            self.processes.check(component)

    def _wait_ready(self, component: str) -> None:
        wait_ready(component, self.name, self.processes, etcd_url=self.etcd_url, api=lambda: self._probe)
