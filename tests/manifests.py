"""Manifests as tests read them: the repository's samples, and paths such as spec.pools.0.power.maxWatts in them."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "samples"
GROUP = "policloud.io/v1alpha1"


def documents(path: Path) -> list[dict[str, Any]]:
    """The objects of a YAML file."""
    return [d for d in yaml.safe_load_all(path.read_text(encoding="utf-8")) if isinstance(d, dict)]


def sample_files() -> list[Path]:
    """Every YAML file of samples that holds objects of our group."""
    return [
        path for path in sorted(SAMPLES.rglob("*.yaml")) if any(d.get("apiVersion") == GROUP for d in documents(path))
    ]


def changed(manifest: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A copy with the value of each path set; {} takes the field away."""
    out = copy.deepcopy(dict(manifest))
    for path, value in changes.items():
        *parents, last = path.split(".")
        at: Any = out
        for key in parents:
            at = at[int(key)] if isinstance(at, list) else at.setdefault(key, {})
        if value == {}:
            at.pop(last, None)
        else:
            at[int(last) if isinstance(at, list) else last] = value
    return out


def paths(value: Any, at: str = "") -> Iterator[str]:
    """The path of every leaf."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from paths(inner, f"{at}.{key}" if at else key)
    elif isinstance(value, list) and value:
        for i, inner in enumerate(value):
            yield from paths(inner, f"{at}[{i}]")
    else:
        yield at
