"""Apply our CustomResourceDefinitions and wait until they can be used."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

import policloud
from policloud.testing.controlplane.errors import ControlPlaneError
from policloud.testing.controlplane.plane import ControlPlane

_SECONDS = 60.0
_CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def data_folder(name: str) -> Path:
    """`crds` or `samples`: inside the installed package, else of the checkout that this package runs from."""
    package = Path(policloud.__file__).resolve().parent
    inside = package / name
    return inside if inside.is_dir() else package.parents[1] / name


def apply_crds(plane: ControlPlane, folder: Path | None = None) -> None:
    """Apply every CRD in `folder` (default: ours); returns when each is Established and its first list succeeds.

    Established alone is not enough: on a busy machine the endpoint answers 404 for some seconds more.
    """
    definitions = list(_documents((folder or data_folder("crds")).glob("*.yaml")))
    for definition in definitions:
        plane.api.apply(definition)
    end = time.monotonic() + _SECONDS
    for definition in definitions:
        _wait_served(plane, definition, end)


def _documents(paths: Iterable[Path]) -> Iterable[dict[str, Any]]:
    for path in sorted(paths):
        yield from (document for document in yaml.load_all(path.read_text(), _LOADER) if document)


# The C loader is 10 times faster on our large schemas, and not everywhere compiled in.
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _wait_served(plane: ControlPlane, definition: dict[str, Any], end: float) -> None:
    name, spec = definition["metadata"]["name"], definition["spec"]
    version = next(entry["name"] for entry in spec["versions"] if entry["served"])
    path = f"/apis/{spec['group']}/{version}/{spec['names']['plural']}?limit=1"
    while True:
        answer = plane.api.request("GET", f"{_CRDS}/{name}")
        conditions = {entry["type"]: entry for entry in answer.get("status", {}).get("conditions", [])}
        refused = [entry for entry in conditions.values() if _bad(entry)]
        if refused:
            raise ControlPlaneError(f"{name}: {refused[0]['type']}: {refused[0]['message']}")
        if conditions.get("Established", {}).get("status") == "True" and plane.api.raw("GET", path)[0] == 200:  # noqa: PLR2004
            return
        if time.monotonic() > end:
            raise ControlPlaneError(f"{name} is not served {_SECONDS:.0f} s after it was applied")
        time.sleep(0.05)


def _bad(condition: dict[str, Any]) -> bool:
    return (condition["type"], condition["status"]) in {("NonStructuralSchema", "True"), ("NamesAccepted", "False")}
