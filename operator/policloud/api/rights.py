"""The rights of our processes, one by one, as their RBAC manifests grant them: what is granted is what is needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal

import yaml

Role = Literal["hub", "site"]

ROLE_NAMES: Final[Mapping[Role, str]] = {"hub": "policloud-hub", "site": "policloud-site-operator"}
"""ClusterRole and Role of each process, in `manifests/<role>-rbac.yaml`."""


@dataclass(frozen=True, slots=True)
class Right:
    """One verb on one resource. `namespace` is empty for a right in every namespace, `name` for every object."""

    verb: str
    group: str
    resource: str
    subresource: str = ""
    name: str = ""
    namespace: str = ""

    def attributes(self) -> dict[str, str]:
        """As an access review asks for it."""
        given = {
            "verb": self.verb,
            "group": self.group,
            "resource": self.resource,
            "subresource": self.subresource,
            "name": self.name,
            "namespace": self.namespace,
        }
        return {key: value for key, value in given.items() if value}

    def __str__(self) -> str:
        what = (
            self.resource + (f".{self.group}" if self.group else "") + (f"/{self.subresource}" * bool(self.subresource))
        )
        of = f" {self.name}" if self.name else ""
        return f"{self.verb} {what}{of}" + (f" in {self.namespace}" if self.namespace else "")


def rights_of(role: Role, namespace: str) -> tuple[Right, ...]:
    """What the process `role` needs; `namespace` is the one that it runs in."""
    found: dict[Right, None] = {}
    for manifest in manifests(f"{role}-rbac"):
        if manifest["kind"] in ("ClusterRole", "Role") and manifest["metadata"]["name"] == ROLE_NAMES[role]:
            within = namespace if manifest["kind"] == "Role" else ""
            found |= dict.fromkeys(right for rule in manifest["rules"] for right in _expand(rule, within))
    return tuple(found)


@cache
def manifests(name: str) -> tuple[Mapping[str, Any], ...]:
    """The documents of `manifests/<name>.yaml`, as shipped. Not to be changed."""
    text = files("policloud").joinpath("manifests", f"{name}.yaml").read_text(encoding="utf-8")
    return tuple(document for document in yaml.safe_load_all(text) if document)


def _expand(rule: Mapping[str, Any], namespace: str) -> Iterator[Right]:
    for group in rule["apiGroups"]:
        for whole in rule["resources"]:
            resource, _, subresource = whole.partition("/")
            for verb in rule["verbs"]:
                for name in rule.get("resourceNames") or ("",):
                    yield Right(verb, group, resource, subresource, name, namespace)
