"""What a scene may touch: the federation's processes, its API servers, and the samples as files."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import yaml

from policloud.ports import Body, Clock
from policloud.testing.demo.world import World, site_of_unit

TIME_SCALE = 0.1  # liveness and notices run at a tenth of their defaults: the demo says so


class Machinery(Protocol):
    """What the demo needs of a running federation (policloud.testing.local.Federation)."""

    def kill(self, name: str) -> None:
        """SIGKILL: hub, hub-apiserver, site:<name>, site-apiserver:<name>, link:<name>."""
        ...

    def start(self, name: str) -> None:
        """Start it again, as it was."""
        ...

    def folder(self, site: str) -> Path:
        """Where the trace files of a site lie."""
        ...

    def kubectl(self, where: str, *arguments: str) -> str:
        """The real kubectl, as administrator of "hub" or of a site."""
        ...


@dataclass(frozen=True, slots=True)
class Stage:
    machinery: Machinery
    world: World
    clock: Clock
    sites: tuple[str, ...]
    samples: Path

    def has(self, *sites: str) -> bool:
        return all(s in self.sites for s in sites)

    def units(self, units: frozenset[str]) -> frozenset[str]:
        """Those of `units` whose sites are on this stage."""
        return frozenset(u for u in units if site_of_unit(u) in self.sites)

    async def kill(self, *components: str) -> None:
        await asyncio.gather(*(asyncio.to_thread(self.machinery.kill, c) for c in components))

    async def start(self, component: str) -> None:
        await asyncio.to_thread(self.machinery.start, component)

    async def apply(self, where: str, *paths: Path) -> str:
        """`kubectl apply` on "hub" or on a site."""
        arguments = ["apply", *(a for p in paths for a in ("-f", str(p)))]
        return await asyncio.to_thread(self.machinery.kubectl, where, *arguments)


def manifests(path: Path) -> list[Body]:
    """The objects of one YAML file."""
    return [d for d in yaml.safe_load_all(path.read_text()) if d]


def variant(body: Body, name: str, **spec: Any) -> Body:
    """A copy of a sample under another name, with some top-level fields of its spec replaced."""
    return {**body, "metadata": {**body["metadata"], "name": name}, "spec": {**body["spec"], **spec}}
