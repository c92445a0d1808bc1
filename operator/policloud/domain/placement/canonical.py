"""A snapshot as canonical JSON: the same content gives the same bytes, and the bytes give the snapshot back.

Units are ordered by site and name, workloads by UID, sets and keys alphabetically; decimals, days and times are
strings. The digest of the bytes names a decision's input, so that a stored snapshot can be replayed and compared.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from policloud.domain.placement.model import Snapshot


def ordered(snapshot: Snapshot) -> Snapshot:
    """The same snapshot with units and workloads in canonical order: their order decides nothing."""
    return replace(
        snapshot,
        units=tuple(sorted(snapshot.units, key=lambda u: (u.site, u.unit))),
        workloads=tuple(sorted(snapshot.workloads, key=lambda w: w.uid)),
    )


def dumps(snapshot: Snapshot) -> str:
    """Canonical JSON of a snapshot."""
    return json.dumps(_plain(ordered(snapshot)), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def loads(text: str) -> Snapshot:
    """The snapshot of canonical JSON; ValueError or KeyError if it is not one."""
    decoded = _build(Snapshot, json.loads(text))
    if not isinstance(decoded, Snapshot):
        raise TypeError("not a snapshot")
    return decoded


def digest(snapshot: Snapshot) -> str:
    """`sha256:<hex>` of the canonical JSON."""
    return "sha256:" + hashlib.sha256(dumps(snapshot).encode()).hexdigest()


@lru_cache(maxsize=64)
def _names(kind: type) -> tuple[str, ...]:
    return tuple(f.name for f in fields(kind))


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, (int, float)) or type(value) is str:
        return value
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {name: _plain(getattr(value, name)) for name in _names(type(value))}
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, Mapping):
        return {key: _plain(v) for key, v in value.items()}
    return _scalar(value)


def _scalar(value: Any) -> str:
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    raise TypeError(f"a snapshot holds no {type(value).__name__}")


@dataclass(frozen=True, slots=True)
class _Shape:
    """Name, type and decoder of a field."""

    name: str
    kind: Any


@lru_cache(maxsize=64)
def _shapes(kind: type) -> tuple[_Shape, ...]:
    hints = get_type_hints(kind)
    return tuple(_Shape(name, hints[name]) for name in _names(kind))


_SCALARS: dict[Any, Callable[[Any], Any]] = {
    Decimal: Decimal,
    datetime: datetime.fromisoformat,
    date: date.fromisoformat,
}


def _build(kind: Any, value: Any) -> Any:
    """A value of type `kind` out of plain JSON."""
    origin, args = get_origin(kind), get_args(kind)
    if origin in {Union, UnionType}:
        inner = next(a for a in args if a is not type(None))
        return None if value is None else _build(inner, value)
    if is_dataclass(kind) and isinstance(kind, type):
        return kind(**{s.name: _build(s.kind, value[s.name]) for s in _shapes(kind) if s.name in value})
    if origin is not None:
        return _collection(origin, args, value)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(value)
    return _SCALARS.get(kind, _same)(value)


def _collection(origin: Any, args: tuple[Any, ...], value: Any) -> Any:
    if origin is tuple:
        return tuple(_build(args[0] if args[-1] is Ellipsis else args[i], v) for i, v in enumerate(value))
    if origin is frozenset:
        return frozenset(value)
    return {key: _build(args[1], v) for key, v in value.items()}


def _same(value: Any) -> Any:
    return value
