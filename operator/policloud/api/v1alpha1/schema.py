"""Marks on models and fields that Pydantic has no word for and a CustomResourceDefinition does.

A mark stands in `Annotated` and adds its keys to the JSON schema of its field; `policloud.crdgen` turns that into a
structural schema.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from policloud.api.v1alpha1.cel import formatted

JsonSchema = dict[str, Any]
# Not a Kubernetes key: tells crdgen that the default is part of the contract
PERSISTED_KEY = "x-policloud-persisted"
# Nor this: what a text that matches its pattern is, in words for the message about one that does not
FORM_KEY = "x-policloud-form"


class _Mark:
    """Adds `keys()` to the JSON schema of the field that it annotates."""

    __slots__ = ()

    def keys(self) -> JsonSchema:
        raise NotImplementedError

    def __get_pydantic_json_schema__(self, core: Any, handler: Callable[[Any], JsonSchema]) -> JsonSchema:
        return {**handler(core), **self.keys()}


@dataclass(frozen=True, slots=True)
class Rule:
    """One `x-kubernetes-validations` entry. `shows` is a CEL string expression with the offending values."""

    cel: str
    message: str
    shows: str
    path: str | None = None  # fieldPath, relative, e.g. ".minReplicas"

    def to_schema(self) -> JsonSchema:
        entry = {"rule": self.cel, "message": self.message, "messageExpression": formatted(self.shows)}
        return {**entry, "fieldPath": self.path} if self.path else entry


@dataclass(frozen=True, slots=True)
class MapOf(_Mark):
    """`listType: map` with these keys: two entries with equal keys are refused, patches merge by key."""

    by: tuple[str, ...]

    def keys(self) -> JsonSchema:
        return {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": list(self.by)}


@dataclass(frozen=True, slots=True)
class SetOf(_Mark):
    """`listType: set`: no value twice."""

    def keys(self) -> JsonSchema:
        return {"x-kubernetes-list-type": "set"}


@dataclass(frozen=True, slots=True)
class Atomic(_Mark):
    """`listType: atomic`: replaced as a whole."""

    def keys(self) -> JsonSchema:
        return {"x-kubernetes-list-type": "atomic"}


@dataclass(frozen=True, slots=True)
class Embedded(_Mark):
    """An object whose fields others define: kept as it is (`x-kubernetes-preserve-unknown-fields`)."""

    def keys(self) -> JsonSchema:
        return {"x-kubernetes-preserve-unknown-fields": True}


@dataclass(frozen=True, slots=True)
class Persisted(_Mark):
    """The Python default is part of the contract: the API server writes it into the object."""

    def keys(self) -> JsonSchema:
        return {PERSISTED_KEY: True}


@dataclass(frozen=True, slots=True)
class Form(_Mark):
    """What the pattern means, in words: a user reads `"fr" must be a country code…` and never a regular expression."""

    words: str

    def keys(self) -> JsonSchema:
        return {FORM_KEY: self.words}


@dataclass(frozen=True, slots=True)
class Column:
    """One printer column of `kubectl get`; `wide` shows it with -o wide only."""

    name: str
    path: str
    type: Literal["string", "integer", "date", "boolean"] = "string"
    description: str = ""
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Scale:
    """Paths of the scale subresource."""

    spec: str
    status: str
    selector: str


@dataclass(frozen=True, slots=True)
class KindInfo:
    """What a CustomResourceDefinition says beside its schema."""

    short_name: str
    columns: tuple[Column, ...]
    # Condition types present before anyone has looked, all Unknown
    conditions: tuple[str, ...]
    selectable: tuple[str, ...] = ()
    scale: Scale | None = None
    default_status: dict[str, Any] = field(default_factory=dict)
