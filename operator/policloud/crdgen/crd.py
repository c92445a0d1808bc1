"""A kind's model → its CustomResourceDefinition."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from policloud.api.compatibility import CRD_VERSION
from policloud.api.names import CRD_VERSION_ANNOTATION
from policloud.api.resources import GROUP, OWN_KINDS, VERSION, Resource
from policloud.api.v1alpha1 import KINDS, ApiObject
from policloud.api.v1alpha1.schema import Column, KindInfo
from policloud.crdgen.jsonschema import json_schema
from policloud.crdgen.structural import structural

# What stands in status before anyone has looked: kstatus sees InProgress, `kubectl wait` and helm do not pass early
UNSEEN = "1970-01-01T00:00:00Z"
HEADER = "# Generated from operator/policloud/api/v1alpha1 by `make crds`. Do not edit.\n"


def resource_of(cls: type[ApiObject]) -> Resource:
    """The Resource of a kind's class."""
    return next(r for r in OWN_KINDS if r.kind == cls.__name__)


def default_status(info: KindInfo) -> dict[str, Any]:
    """Every known condition Unknown, of a generation that never was."""
    conditions = [
        {
            "type": type_,
            "status": "Unknown",
            "reason": "PendingEvaluation",
            "message": "not looked at yet",
            "observedGeneration": -1,
            "lastTransitionTime": UNSEEN,
        }
        for type_ in info.conditions
    ]
    return {"observedGeneration": -1, "conditions": conditions, **info.default_status}


def _root_schema(cls: type[ApiObject]) -> dict[str, Any]:
    schema = json_schema(cls)
    # The API server brings the schema of these three; an embedded one would only be in the way
    own = {name: schema["properties"][name] for name in ("spec", "status")}
    root = structural({**schema, "properties": own, "required": ["spec"]})
    root["properties"]["status"]["default"] = default_status(cls.info)
    envelope = {
        "apiVersion": {"type": "string", "description": f"{GROUP}/{VERSION}"},
        "kind": {"type": "string", "description": cls.__name__},
        "metadata": {"type": "object"},
    }
    root["properties"] = {**envelope, **root["properties"]}
    if cls.root_rules:
        root["x-kubernetes-validations"] = [rule.to_schema() for rule in cls.root_rules]
    return root


def _column(column: Column) -> dict[str, Any]:
    out: dict[str, Any] = {"name": column.name, "type": column.type, "jsonPath": column.path}
    if column.description:
        out["description"] = column.description
    if column.wide:
        out["priority"] = 1
    return out


def custom_resource_definition(cls: type[ApiObject]) -> dict[str, Any]:
    """The whole manifest.

    Raises:
        NotStructuralError: if a field cannot be expressed.
    """
    resource, info = resource_of(cls), cls.info
    subresources: dict[str, Any] = {"status": {}}
    if info.scale:
        subresources["scale"] = {
            "specReplicasPath": info.scale.spec,
            "statusReplicasPath": info.scale.status,
            "labelSelectorPath": info.scale.selector,
        }
    version: dict[str, Any] = {
        "name": VERSION,
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": _root_schema(cls)},
        "subresources": subresources,
        "additionalPrinterColumns": [_column(c) for c in info.columns],
    }
    if info.selectable:
        version["selectableFields"] = [{"jsonPath": path} for path in info.selectable]
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": str(resource), "annotations": {CRD_VERSION_ANNOTATION: str(CRD_VERSION)}},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": resource.kind,
                "listKind": f"{resource.kind}List",
                "plural": resource.plural,
                "singular": resource.kind.lower(),
                "shortNames": [info.short_name],
                "categories": ["policloud"],
            },
            "versions": [version],
        },
    }


class _Plain(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - an anchor would be lost on kubectl users
        return True


def render(cls: type[ApiObject]) -> str:
    """The file of one kind: same models, same bytes."""
    body = custom_resource_definition(cls)
    return HEADER + yaml.dump(body, Dumper=_Plain, sort_keys=False, width=110, allow_unicode=True)


def files(kinds: Sequence[type[ApiObject]] = KINDS) -> dict[str, str]:
    """File name → content."""
    return {f"{resource_of(cls)}.yaml": render(cls) for cls in kinds}


def write(directory: Path) -> list[Path]:
    """Writes every file that differs; returns those paths."""
    directory.mkdir(parents=True, exist_ok=True)
    changed = []
    for name, text in files().items():
        path = directory / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            changed.append(path)
    return changed
