"""Names of what can be stopped and started: hub, hub-apiserver, site:<name>, site-apiserver:<name>, link:<name>…"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from policloud.testing.local.errors import LocalError

PLANE_PARTS = ("apiserver", "controller-manager", "scheduler", "kwok")


@dataclass(frozen=True, slots=True)
class Component:
    """`plane`: control plane it is a part of, None for a process of our own. `process`: its name there."""

    name: str
    plane: str | None
    process: str


def parse(name: str, sites: Sequence[str]) -> Component:
    """LocalError with what there is, if nothing is named so."""
    component = _parse(name)
    site = name.partition(":")[2]
    if component is None or (":" in name and site not in sites):
        raise LocalError(
            f"no component is named {name!r}; there are hub, hub-apiserver, site:NAME, site-apiserver:NAME and "
            f"link:NAME (NAME: {', '.join(sites)}), for the rest see: policloud local status"
        )
    return component


def _parse(name: str) -> Component | None:
    kind, colon, site = name.partition(":")
    if not colon:
        return _SINGLE.get(kind)
    if kind in {"site", "link"}:
        return Component(name, None, f"{kind}-{site}")
    part = kind.removeprefix("site-")
    return Component(name, site, part) if kind.startswith("site-") and part in PLANE_PARTS else None


_SINGLE = {
    "hub": Component("hub", None, "hub"),
    "etcd": Component("etcd", "etcd", "etcd"),
    "hub-apiserver": Component("hub-apiserver", "hub", "apiserver"),
    "hub-controller-manager": Component("hub-controller-manager", "hub", "controller-manager"),
}


def everything(sites: Sequence[str]) -> list[Component]:
    """In the order in which they start."""
    names = ["etcd", "hub-apiserver", "hub-controller-manager", "hub"]
    for site in sites:
        names += [f"site-{part}:{site}" for part in PLANE_PARTS]
        names += [f"link:{site}", f"site:{site}"]
    return [parse(name, sites) for name in names]
