"""A record that was stored though its reply was lost, read late: one answer per sequence, whatever the cache shows."""

from __future__ import annotations

from typing import Any

import pytest

from federated import SiteProcess
from federated_world import TENANT, World
from policloud.api import resources
from policloud.api.resources import Resource
from policloud.ports import Body, TransientError
from policloud.testing.fake import FakeCluster


class LateNews:
    """A site's API server that loses the reply to some stored records; the watch tells of them in a dry run."""

    def __init__(self, inner: FakeCluster, *, lose: int) -> None:
        self._inner = inner
        self.process: SiteProcess | None = None
        self.lose = lose

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def _stored(self, resource: Resource, body: Body) -> Body:
        if resource == resources.CONFIG_MAP and "pledge" in body["data"] and self.lose:
            self.lose -= 1
            raise TransientError("the reply was lost")
        return body

    async def create(self, resource: Resource, body: Body, *, dry_run: bool = False) -> Body:
        return await self._stored(resource, await self._inner.create(resource, body, dry_run=dry_run))

    async def replace(self, resource: Resource, body: Body, *, subresource: str | None = None) -> Body:
        return await self._stored(resource, await self._inner.replace(resource, body, subresource=subresource))

    async def apply(self, resource: Resource, body: Body, *, manager: str, dry_run: bool = False, **more: Any) -> Body:
        if dry_run and self.process is not None:
            await self.process.sync()
        return await self._inner.apply(resource, body, manager=manager, dry_run=dry_run, **more)


async def records(api: FakeCluster) -> list[tuple[Any, Any]]:
    found = [b for b in (await api.list(resources.CONFIG_MAP)).items if "counter" in (b.get("data") or {})]
    return [(b["data"]["counter"], b["data"].get("pledge")) for b in found]


@pytest.fixture
async def world() -> World:
    world = World()
    await world.set_up()
    return world


async def submitted(world: World, lose: int) -> tuple[str, LateNews]:
    """A workload was offered and its site sees the offer; who it is, and its API server as it is from now on."""
    await world.submit(3)
    await world.hub.sync()
    await world.hub.step()
    [offer] = await world.offers()
    name = offer["metadata"]["namespace"].removeprefix("site-")
    late = LateNews(world.site_apis[name], lose=lose)
    site = SiteProcess(name, late, world.hub_api, world.clock, world.keys[name])  # type: ignore[arg-type]
    world.sites[name] = late.process = site
    await site.sync()
    return name, late


@pytest.mark.parametrize("lose", [1, 2])
async def test_an_answer_that_was_stored_is_never_replaced_by_another(world: World, lose: int) -> None:
    name, _ = await submitted(world, lose)
    site = world.sites[name]
    [key] = site.keys()
    await site.reconcile(key)
    [first] = await records(world.site_apis[name])
    assert first[1] is not None, "stored, and the site does not know"
    for _ in range(lose):
        await site.reconcile(key)
    [record] = await records(world.site_apis[name])
    assert record[0] == first[0], "the same answer, not a second one under a new number"
    await world.round(4)
    [offer] = await world.offers()
    assert str(offer["status"]["counter"]) == first[0]
    assert offer["status"]["state"] == "Running"
    assert world.running()[name] == 3


async def test_what_runs_is_released_after_such_a_loss(world: World) -> None:
    name, _ = await submitted(world, 2)
    [key] = world.sites[name].keys()
    for _ in range(3):
        await world.sites[name].reconcile(key)
    await world.round(4)
    assert world.running()[name] == 3
    await world.hub_api.delete(resources.SOVEREIGN_WORKLOAD, TENANT, "app")
    await world.round(4)
    assert world.running()[name] == 0
