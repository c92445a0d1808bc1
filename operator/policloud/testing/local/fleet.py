"""Read a fleet folder: one folder a site, each with site.yaml, membership.yaml and nodes.yaml."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from policloud.testing.local.errors import LocalError

_FILES = ("site.yaml", "membership.yaml", "nodes.yaml")
# With SITES=3 these come first: a city with health data, a greenhouse, a wind farm. They show most of the scenes.
_FIRST = ("cannes", "cloudgrid", "rougeline", "dijon", "texas", "hera", "uae", "sebalyo")


@dataclass(frozen=True, slots=True)
class NodeGroup:
    """Equal simulated machines: `<prefix>-01` to `<prefix>-<count>`."""

    prefix: str
    count: int
    gpus: int
    product: str
    labels: dict[str, str] = field(default_factory=dict)
    cpu: int = 128
    memory_gib: int = 1024


@dataclass(frozen=True, slots=True)
class SiteFolder:
    """What is known of one site before it is built. `manifests` go to the site, `membership` to the hub."""

    name: str
    folder: Path
    manifests: list[dict[str, Any]]
    membership: list[dict[str, Any]]
    groups: list[NodeGroup]
    storage_classes: list[str]

    @property
    def units(self) -> list[tuple[str, str]]:
        """(namespace, name) of its PolicloudUnits."""
        return [
            (manifest["metadata"]["namespace"], manifest["metadata"]["name"])
            for manifest in self.manifests
            if manifest["kind"] == "PolicloudUnit"
        ]


def read_fleet(folder: Path, limit: int | None = None, only: Sequence[str] = ()) -> list[SiteFolder]:
    """The sites of a fleet folder, in a fixed order; `limit` takes the first ones, `only` those named."""
    names = sorted((path.name for path in folder.iterdir() if path.is_dir()), key=_rank) if folder.is_dir() else []
    if not names:
        raise LocalError(f"{folder} holds no site: expected one folder a site with {', '.join(_FILES)}")
    unknown = [name for name in only if name not in names]
    if unknown:
        raise LocalError(f"{folder} has no site {unknown[0]}; there are {', '.join(names)}")
    chosen = [name for name in names if not only or name in only]
    return [_read_site(folder / name) for name in chosen[: limit or None]]


def _rank(name: str) -> tuple[int, str]:
    return (_FIRST.index(name) if name in _FIRST else len(_FIRST), name)


def _read_site(folder: Path) -> SiteFolder:
    missing = [name for name in _FILES if not (folder / name).is_file()]
    if missing:
        raise LocalError(f"{folder} lacks {', '.join(missing)}; a site is described by {', '.join(_FILES)}")
    nodes = load_yaml(folder / "nodes.yaml")[0]
    return SiteFolder(
        name=folder.name,
        folder=folder,
        manifests=load_yaml(folder / "site.yaml"),
        membership=load_yaml(folder / "membership.yaml"),
        groups=[_read_group(folder / "nodes.yaml", entry) for entry in nodes.get("groups", ())],
        storage_classes=list(nodes.get("storageClasses", ())),
    )


def _read_group(path: Path, entry: dict[str, Any]) -> NodeGroup:
    known = {"prefix", "count", "gpus", "product", "labels", "cpu", "memoryGiB"}
    unknown = sorted(set(entry) - known)
    if unknown:
        raise LocalError(f"{path}: a group has no field {unknown[0]!r}; it has {', '.join(sorted(known))}")
    lacking = [name for name in ("prefix", "count", "gpus", "product") if name not in entry]
    if lacking:
        raise LocalError(f"{path}: a group lacks {', '.join(lacking)}")
    return NodeGroup(
        prefix=str(entry["prefix"]),
        count=int(entry["count"]),
        gpus=int(entry["gpus"]),
        product=str(entry["product"]),
        labels={str(key): str(value) for key, value in (entry.get("labels") or {}).items()},
        cpu=int(entry.get("cpu", 128)),
        memory_gib=int(entry.get("memoryGiB", 1024)),
    )


def load_yaml(path: Path) -> list[dict[str, Any]]:
    """Every document of a file; LocalError names file and line if it is not YAML."""
    try:
        documents: Iterable[Any] = yaml.safe_load_all(path.read_text())
        return [document for document in documents if document]
    except yaml.YAMLError as error:
        raise LocalError(f"{path} is not YAML: {error}") from error
    except OSError as error:
        raise LocalError(f"{path} cannot be read: {error.strerror}") from error
