"""Marks on models and fields that Pydantic has no word for and a CustomResourceDefinition does."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Rule:
    """One `x-kubernetes-validations` entry. `shows` is a CEL string expression with the offending values."""

    cel: str
    message: str
    shows: str
    path: str | None = None  # fieldPath, relative, e.g. ".minReplicas"


@dataclass(frozen=True, slots=True)
class MapOf:
    """`listType: map` with these keys: two entries with equal keys are refused, patches merge by key."""

    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SetOf:
    """`listType: set`: no value twice."""


@dataclass(frozen=True, slots=True)
class Atomic:
    """`listType: atomic`: replaced as a whole."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """An object whose fields others define: kept as it is (`x-kubernetes-preserve-unknown-fields`)."""


@dataclass(frozen=True, slots=True)
class Persisted:
    """The Python default is part of the contract: the API server writes it into the object."""


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
