"""A lane: one hub and two sites of their own on shared API servers, running as tasks under faults, crashing at will."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from functools import partial
from typing import Any

from bodies import inference, mandate, membership, node, unit
from federated import HubProcess, SiteProcess
from hunted import Gate, GatedCluster
from policloud.api import resources
from policloud.domain.federation.keys import SigningKey
from policloud.ports import ApiError, Body, Clock, Cluster, ConflictError, NotFoundError
from policloud.reconcile.hub.offerbook import workload_key
from policloud.reconcile.site.federation import HUB_OFFERS
from policloud.runtime.outcome import Outcome
from policloud.runtime.store import Key, key_of
from policloud.runtime.workers import Controller
from policloud.runtime.workqueue import Backoff
from policloud.testing.faults import QUIET, CrashError, FaultyCluster, Schedule

SCALE = 0.005
_PAUSE = 0.01


class Lane:
    """`hub` and `sites` are API servers; names carry `tag`, so that lanes do not meet."""

    def __init__(self, tag: str, hub: Cluster, sites: dict[str, Cluster], clock: Clock) -> None:
        self.tag, self.clock, self.gate = tag, clock, Gate()
        self.hub_api = GatedCluster(hub, "hub", self.gate)
        self.apis = {f"{name}{tag}": GatedCluster(api, name, self.gate) for name, api in sites.items()}
        self.keys = {n: SigningKey(n.encode().ljust(32, b"0")) for n in self.apis}
        self.tenant = f"town-{tag}"
        self.system = f"system-{tag}"
        self.schedule, self.crashes = QUIET, False
        self.failed: BaseException | None = None
        self.lives, self.over = 0, False
        self.here: tuple[HubProcess, Controller] | None = None
        self.there: dict[str, tuple[SiteProcess, Controller]] = {}  # the present lives
        self._seeds = itertools.count()
        self._rng = random.Random(tag)  # noqa: S311

    async def set_up(self) -> None:
        await self._namespace(self.hub_api, self.tenant)
        await self._namespace(self.hub_api, "policloud-system")
        for name, api in self.apis.items():
            await self._namespace(self.hub_api, f"site-{name}")
            await self._namespace(api, self.system)
            mine = unit(f"{name}-1", country="FR" if name.startswith("alpha") else "ES", namespace=self.system)
            await api.create(resources.POLICLOUD_UNIT, mine)
            for n in range(2):
                body = node(f"{name}-n{n}", f"{name}-1")
                made = await api.create(resources.NODE, body)
                await api.replace(resources.NODE, {**made, "status": body["status"]}, subresource="status")
            await api.create(resources.SITE_MANDATE, mandate(self.tenant, notice=1, namespace=self.system))
            await self.hub_api.create(resources.SITE_MEMBERSHIP, membership(name, self.keys[name], [mine]))

    async def run(
        self, seed: int, story: Callable[[Lane], Awaitable[None]], faults: Schedule, *, crashes: bool
    ) -> None:
        """Everybody works at once under faults while `story` is told; a violated invariant ends it."""
        self.schedule, self.crashes, self.over = replace(faults, seed=seed), crashes, False
        self._rng = random.Random(seed)  # noqa: S311
        self._seeds = itertools.count(seed * 1000)
        tasks = [asyncio.create_task(self._live(self._hub_life))]
        tasks += [asyncio.create_task(self._live(partial(self._site_life, name))) for name in self.apis]
        telling = asyncio.create_task(story(self))
        try:
            done, _ = await asyncio.wait({*tasks, telling}, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            self.over = True
            for task in (*tasks, telling):
                task.cancel()
            await asyncio.gather(*tasks, telling, return_exceptions=True)
        if self.gate.failure is not None:
            raise self.gate.failure
        await self.tidy()

    async def tidy(self) -> None:
        """Take away what is over, but for the highest numbers of each site: lists stay short for the next schedule."""
        for namespace in (f"site-{name}" for name in self.apis):
            offers = [o for (ns, _), o in self.gate.offers.items() if ns == namespace]
            for offer in sorted(offers, key=lambda o: o["spec"]["sequence"])[:-1]:
                with contextlib.suppress(NotFoundError):
                    await self.hub_api.delete(resources.WORK_OFFER, namespace, offer["metadata"]["name"])
        for api in self.apis.values():
            records = (await api.list(resources.CONFIG_MAP, self.system)).items
            held = [r for r in records if "counter" in (r.get("data") or {})]
            for record in sorted(held, key=lambda r: int(r["data"]["counter"]))[:-1]:
                await api.delete(resources.CONFIG_MAP, self.system, record["metadata"]["name"])

    # -- what a story does

    async def submit(self, name: str, replicas: int, **options: Any) -> None:
        self.gate.asked[self.tenant, name] = replicas
        await self.hub_api.create(resources.SOVEREIGN_WORKLOAD, inference(name, self.tenant, replicas, **options))

    async def edit(self, name: str, change: dict[str, Any]) -> None:
        wanted = (change.get("inference") or {}).get("replicas", 0)
        key = (self.tenant, name)
        self.gate.asked[key] = max(self.gate.asked[key], wanted)  # what runs goes on until less is accepted
        await self.hub_api.merge_patch(resources.SOVEREIGN_WORKLOAD, self.tenant, name, {"spec": change})

    async def delete(self, name: str) -> None:
        await self.hub_api.delete(resources.SOVEREIGN_WORKLOAD, self.tenant, name)

    async def until(self, what: str, condition: Callable[[], Awaitable[bool]], seconds: float = 120.0) -> None:
        end = self.clock.monotonic() + seconds
        seen = -1
        while True:
            changes = self.gate.changes.total()
            if changes != seen and await condition():
                return
            seen = changes
            if self.gate.failure is not None:
                raise self.gate.failure
            if self.clock.monotonic() > end:
                raise AssertionError(f"lane {self.tag}: not within {seconds} s: {what}; {await self.tell()}")
            await self.clock.sleep(_PAUSE * 2)

    async def status(self, name: str) -> dict[str, Any]:
        body = await self.hub_api.get(resources.SOVEREIGN_WORKLOAD, self.tenant, name)
        return body.get("status") or {}

    async def running(self, name: str, replicas: int) -> bool:
        status = await self.status(name)
        ready = [c for c in status.get("conditions") or () if c["type"] == "Ready"]
        up = bool(ready) and ready[0]["status"] == "True" and status.get("readyReplicas") == replicas
        return up and self.count(name) == replicas

    def count(self, name: str) -> int:
        """Replicas that run at all sites, by the gate."""
        return sum(
            b["spec"]["inference"]["replicas"]
            for (_, _, local), b in self.gate.local.items()
            if local.rpartition("-")[0] == name and b["metadata"]["labels"]["policloud.io/tenant"] == self.tenant
        )

    async def gone(self, name: str) -> bool:
        try:
            await self.hub_api.get(resources.SOVEREIGN_WORKLOAD, self.tenant, name)
        except NotFoundError:
            return self.count(name) == 0
        return False

    def offers(self, name: str) -> list[Body]:
        wanted = (self.tenant, name)
        return [o for o in self.gate.offers.values() if workload_key(o) == wanted]

    async def tell(self) -> str:
        def line(offer: Body) -> str:
            meta, spec = offer["metadata"], offer["spec"]
            asked = f"{spec['sequence']}, withdrawn {spec['withdrawn']}, release {spec['release']}"
            return f"{meta['namespace']}/{meta['name']}: {asked}, {offer.get('status')}"

        lines = [*map(line, self.gate.offers.values()), f"local: {[*self.gate.local]}"]
        if self.here is not None:
            hub, controller = self.here
            judged, waiting = hub.sites.assessment(), sorted(hub.workloads.waiting)
            lines.append(
                f"hub: {judged}, waiting {waiting}, queue {len(controller.queue)}, {controller.queue.unfinished()}"
            )
            lines += [f"{v.site}: closed {v.closed}, {v.pools}, {v.free_watts} W" for v in hub.hub.planner._units()]
            for key in [*hub.keys()]:
                body = hub.store.get(str(resources.SOVEREIGN_WORKLOAD), key) or {}
                lines.append(f"{key}: {(body.get('status') or {}).get('conditions')}")
                lines.append(f"now: {await hub.reconcile(key)}")
        for name, (site, controller) in self.there.items():
            queue = controller.queue
            lines.append(f"{name}: queue {len(queue)}, delayed {queue.delayed}, {queue.unfinished()}")
            lines += map(str, site.journal.all())
        return "\n".join(lines)

    # -- lives

    async def _live(self, life: Callable[[], Awaitable[None]]) -> None:
        while not self.over:  # a crash at the moment of being cancelled hides the cancellation
            try:
                await life()
            except* CrashError:
                self.lives += 1

    def _faulty(self, cluster: Cluster) -> FaultyCluster:
        after = self._rng.randrange(3, 25) if self.crashes and self._rng.random() < 0.7 else None
        schedule = replace(self.schedule, seed=next(self._seeds))
        return FaultyCluster(cluster, schedule, clock=self.clock, crash_after=after)

    async def _hub_life(self) -> None:
        process = HubProcess(
            self._faulty(self.hub_api), self.clock, quick=True, tenants=[self.tenant], only=[*self.apis]
        )
        controller = _controller("workloads", process.reconcile)
        self.here = (process, controller)
        for kind, key in ((resources.WORK_OFFER, workload_key), (resources.SOVEREIGN_WORKLOAD, key_of)):
            process.store.subscribe(str(kind), lambda body, key=key: self._mine(controller, key(body)))
        unit_kind = str(resources.POLICLOUD_UNIT)
        process.store.subscribe(unit_kind, lambda _: [controller.queue.add(k) for k in process.workloads.waiting])

        async def watch() -> None:
            while True:
                await _turn(process.sync)
                process.hear(*self.apis)
                await self._pause()

        await _together(watch(), controller.run())

    async def _site_life(self, name: str) -> None:
        process = SiteProcess(
            name,
            self._faulty(self.apis[name]),
            self._faulty(self.hub_api),
            self.clock,
            self.keys[name],
            system=self.system,
            scale=SCALE,
        )
        process.watched = {resources.SOVEREIGN_WORKLOAD, resources.CONFIG_MAP}
        controller = _controller("offers", process.reconcile)
        self.there[name] = (process, controller)
        process.store.subscribe(HUB_OFFERS, lambda body: controller.queue.add(key_of(body)))
        for resource in process.watched:
            process.store.subscribe(str(resource), lambda _: [controller.queue.add(k) for k in process.open_keys()])

        async def watch() -> None:
            while True:
                await _turn(process.sync)
                await _turn(process.play)
                await _turn(process.publish)
                await self._pause()

        await _together(watch(), controller.run())

    def _mine(self, controller: Controller, key: Key) -> None:
        if key[0] == self.tenant:
            controller.queue.add(key)

    async def _pause(self) -> None:
        """As late as a watch may be."""
        await self.clock.sleep(self._rng.uniform(0.02, 0.1))

    async def _namespace(self, api: GatedCluster, name: str) -> None:
        with contextlib.suppress(ConflictError):
            await api.create(resources.NAMESPACE, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})


async def _turn(work: Callable[[], Awaitable[None]]) -> None:
    with contextlib.suppress(ApiError):
        await work()


async def _together(*tasks: Coroutine[Any, Any, None]) -> None:
    async with asyncio.TaskGroup() as group:
        for task in tasks:
            group.create_task(task)


def _controller(name: str, reconcile: Callable[[Key], Awaitable[Outcome]]) -> Controller:
    return Controller(name, reconcile, workers=4, backoff=Backoff(0.02, 0.2))
