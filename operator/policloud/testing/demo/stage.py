"""What a scene may touch: the federation's processes, its API servers, and the samples as files."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import yaml

from policloud.ports import Body, Clock
from policloud.testing.demo.world import World, site_of_unit

TIME_SCALE = 0.1  # liveness and notices run at a tenth of their defaults: the demo says so


class Machinery(Protocol):
    """What the demo needs of a running federation (policloud.testing.local)."""

    def stop(self, component: str) -> None:
        """Kills it (SIGKILL): hub, hub-apiserver, site:<name>, site-apiserver:<name>, link:<name>."""
        ...

    def start(self, component: str) -> None:
        """Starts it again and returns when it answers."""
        ...


@dataclass(frozen=True, slots=True)
class Stage:
    machinery: Machinery
    world: World
    clock: Clock
    kubectl: Callable[[Path, Sequence[str]], str]  # kubeconfig, arguments -> output; raises on failure
    hub_kubeconfig: Path
    site_kubeconfigs: Mapping[str, Path]
    samples: Path

    @property
    def sites(self) -> tuple[str, ...]:
        return tuple(self.site_kubeconfigs)

    def has(self, *sites: str) -> bool:
        return all(s in self.site_kubeconfigs for s in sites)

    def units(self, units: frozenset[str]) -> frozenset[str]:
        """Those of `units` whose sites are on this stage."""
        return frozenset(u for u in units if site_of_unit(u) in self.site_kubeconfigs)

    async def stop(self, *components: str) -> None:
        await asyncio.gather(*(asyncio.to_thread(self.machinery.stop, c) for c in components))

    async def start(self, component: str) -> None:
        await asyncio.to_thread(self.machinery.start, component)

    async def apply_hub(self, *paths: Path) -> str:
        return await self._apply(self.hub_kubeconfig, paths)

    async def apply_site(self, site: str, *paths: Path) -> str:
        return await self._apply(self.site_kubeconfigs[site], paths)

    async def _apply(self, kubeconfig: Path, paths: Sequence[Path]) -> str:
        arguments = ["apply", *(a for p in paths for a in ("-f", str(p)))]
        return await asyncio.to_thread(self.kubectl, kubeconfig, arguments)


def manifests(path: Path) -> list[Body]:
    """The objects of one YAML file."""
    return [d for d in yaml.safe_load_all(path.read_text()) if d]


def variant(body: Body, name: str, **spec: Any) -> Body:
    """A copy of a sample under another name, with some top-level fields of its spec replaced."""
    return {**body, "metadata": {**body["metadata"], "name": name}, "spec": {**body["spec"], **spec}}
