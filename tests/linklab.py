"""A real hub's identity and memberships on a real API server, and lines of sites to it, in one event loop.

The hub is wired as the product wires it and has exactly the rights of its manifests; only Kopf is left out.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

from policloud.adapters.clock import SystemClock
from policloud.adapters.kube.client import HttpCluster
from policloud.adapters.kube.connection import Connection
from policloud.adapters.kube.reflector import Reflector
from policloud.api.joinfile import JoinFile
from policloud.api.resources import CONFIG_MAP, LEASE, NAMESPACE, SITE_MEMBERSHIP
from policloud.domain.federation.epoch import Echo
from policloud.domain.federation.link import LinkReason
from policloud.domain.federation.liveness import LivenessSettings
from policloud.hub.info import read_hub_info
from policloud.hub.invite import invite
from policloud.hub.settings import HubSettings
from policloud.hub.wiring import assemble
from policloud.ports import Body, Clock
from policloud.runtime.store import Store
from policloud.site.link import HubLink, LinkSettings
from policloud.testing.controlplane import ControlPlane
from policloud.testing.controlplane.ports import free_port, is_free
from policloud.testing.local.rbac import apply_rbac

SCALE = 0.05
HUB_ID = "policloud-test"
SYSTEM = "policloud-system"
_numbers = itertools.count(1)


async def until(condition: Callable[[], Any], what: str, seconds: float = 30.0) -> None:
    """Wait for a condition, which may be a coroutine function."""
    try:
        async with asyncio.timeout(seconds):
            while True:
                found = condition()
                if isinstance(found, Awaitable):
                    found = await found
                if found:
                    return
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"not within {seconds:g} s: {what}") from None


@dataclass
class HubLab:
    """`async with HubLab(plane, folder) as hub:`; `admin` speaks to its API server as cluster administrator."""

    plane: ControlPlane
    folder: Path
    clock: Clock = field(default_factory=SystemClock)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    tasks: list[asyncio.Task[Any]] = field(default_factory=list)
    sites: list["SiteLine"] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        apply_rbac(self.plane, "hub", "policloud-hub")
        self.admin = HttpCluster(Connection.from_kubeconfig(self.plane.kubeconfig))
        pair = self.plane.authority.server("identity", ["127.0.0.1", "localhost"])
        port = free_port()
        self.url = f"https://127.0.0.1:{port}"
        settings = HubSettings(
            hub_id=HUB_ID,
            kubeconfig=self.plane.client_kubeconfig("policloud-hub", path=self.folder / "hub.kubeconfig"),
            namespace=SYSTEM,
            identity_url=self.url,
            identity_listen=f"127.0.0.1:{port}",
            identity_certificate=pair.certificate,
            identity_key=pair.key,
            time_scale=SCALE,
        )
        process = self.process = assemble(settings, clock=self.clock)
        for watch in process.watches:
            self._run(self._watch(watch))
        for work in (*process.background, *process.always):
            self._run(work(self.stop))
        for controller in process.controllers.all():
            self.tasks.append(asyncio.create_task(controller.run()))
        await until(self._said_where, "the hub says where it is")
        await until(lambda: not is_free(port), "the identity endpoint is up")
        return self

    async def __aexit__(self, *_: object) -> None:
        for line in self.sites:
            await line.end()
        self.stop.set()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.process.http.close()
        await self.admin.close()

    def _run(self, work: Awaitable[Any]) -> None:
        self.tasks.append(asyncio.ensure_future(work))

    async def _watch(self, watch: Any) -> None:
        def changed(body: Body) -> None:
            for controller, key in watch.route(body):
                controller.queue.add(key)

        reflector = Reflector(
            self.process.http,
            watch.resource,
            watch.namespace,
            store=self.process.store,
            on_change=changed,
            label_selector=watch.label_selector,
        )
        await reflector.run(self.stop)

    async def invite(self, name: str, **changed: Any) -> JoinFile:
        clock: Clock = changed.get("clock", self.clock)
        return (
            await invite(self.admin, clock, name, namespace=SYSTEM, ttl=changed.get("ttl", timedelta(hours=1)))
        ).file

    async def _said_where(self) -> bool:
        """This hub, not the one of an earlier test."""
        info = await read_hub_info(self.admin, SYSTEM)
        return info is not None and info.identity == self.url

    async def membership(self, name: str) -> Body:
        return await self.admin.get(SITE_MEMBERSHIP, f"site-{name}", name)

    async def condition(self, name: str, type_: str) -> tuple[str, str]:
        found = (await self.membership(name)).get("status", {}).get("conditions", [])
        return next(((c["status"], c["reason"]) for c in found if c["type"] == type_), ("", ""))

    async def edit(self, name: str, **spec: Any) -> None:
        await self.admin.merge_patch(SITE_MEMBERSHIP, f"site-{name}", name, {"spec": spec})

    async def lease(self, name: str) -> Body:
        return await self.admin.get(LEASE, f"site-{name}", "policloud-site")

    async def line(self, file: JoinFile | None, **given: Any) -> "SiteLine":
        """A site's line to this hub, running. `namespace`: where it keeps its key (a new one by default)."""
        line = SiteLine(self, **given)
        self.sites.append(line)
        await line.begin(file)
        return line

    async def joined(self, name: str) -> "SiteLine":
        line = await self.line(await self.invite(name))
        await line.reaches(LinkReason.CONNECTED)
        return line


@dataclass
class SiteLine:
    hub: HubLab
    namespace: str = field(default_factory=lambda: f"local-{next(_numbers)}")
    clock: Clock = field(default_factory=SystemClock)
    counter: int = 0
    states: list[LinkReason] = field(default_factory=list)
    offers: list[Body] = field(default_factory=list)
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    async def begin(self, file: JoinFile | None) -> None:
        path = None
        if file is not None:
            path = self.hub.folder / f"{self.namespace}.join.yaml"
            path.write_text(file.dump())
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}}
        await self.hub.admin.apply(NAMESPACE, body, manager="test")
        store = Store()
        store.mark_synced(str(CONFIG_MAP))
        settings = LinkSettings(
            namespace=self.namespace,
            join_file=path,
            liveness=LivenessSettings().scaled(SCALE),
            longest_wait=0.5,
        )
        self.link = HubLink(
            self.hub.admin,
            store,
            self.clock,
            settings,
            echo=lambda _: Echo(counter=self.counter),
            on_offer=self.offers.append,
            on_change=lambda: self.states.append(self.link.state.reason),
        )
        self.task = asyncio.create_task(self.link.run(self.stop))

    async def end(self) -> None:
        """A clean stop."""
        self.stop.set()
        await self.task

    async def kill(self) -> None:
        """No farewell."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        self.stop.set()
        self.task = asyncio.create_task(asyncio.sleep(0))

    async def reaches(self, reason: LinkReason, seconds: float = 30.0) -> None:
        try:
            await until(lambda: self.link.state.reason is reason, reason, seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}; {self.namespace} is {self.link.state}") from None


def elsewhere(file: JoinFile, **hub: str) -> JoinFile:
    """The join file with other words about the hub."""
    return replace(file, hub=replace(file.hub, **hub))
