"""The objects as last seen, in memory: one dict per kind, with secondary indices kept in the same call."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any

log = logging.getLogger(__name__)

Body = dict[str, Any]
Key = tuple[str, str]
Bodies = list[Body]
IndexFn = Callable[[Body], Iterable[Hashable]]

_TOMBSTONES = 10_000


def key_of(body: Body) -> Key:
    """(namespace, name); the namespace is "" for objects of the cluster."""
    meta = body["metadata"]
    return meta.get("namespace") or "", meta["name"]


def version_of(body: Body) -> int | None:
    """The resourceVersion as a number, None if it has none or is not one."""
    try:
        return int(body["metadata"]["resourceVersion"])
    except (KeyError, TypeError, ValueError):
        return None


class _Kind:
    __slots__ = ("by_key", "indices", "listeners", "scopes", "synced", "tombstones")

    def __init__(self) -> None:
        self.by_key: dict[Key, Body] = {}
        self.indices: dict[str, tuple[IndexFn, dict[Hashable, dict[Key, None]]]] = {}
        self.synced = asyncio.Event()
        self.tombstones: OrderedDict[str, int | None] = OrderedDict()  # uid -> version at which it left
        self.scopes: list[Callable[[Body], bool]] = []
        self.listeners: list[Callable[[Body], None]] = []

    def index(self, key: Key, body: Body) -> None:
        for fn, values in self.indices.values():
            for value in _values(fn, body):
                values.setdefault(value, {})[key] = None

    def unindex(self, key: Key, body: Body) -> None:
        for fn, values in self.indices.values():
            for value in _values(fn, body):
                keys = values.get(value)
                if keys is not None:
                    keys.pop(key, None)
                    if not keys:
                        del values[value]

    def bury(self, uid: str, version: int | None) -> None:
        self.tombstones[uid] = version
        if len(self.tombstones) > _TOMBSTONES:
            self.tombstones.popitem(last=False)


class Store:
    """What watches, sweeps and our own writes have told us. Bodies that come out are never mutated.

    A kind is any string; one that was never written to is empty and not synced.
    An index function must depend on the body alone.
    """

    def __init__(self) -> None:
        self._kinds: dict[str, _Kind] = {}

    def track(self, kind: str, accepts: Callable[[Body], bool]) -> None:
        """Some feed keeps those bodies of the kind up to date that `accepts` takes."""
        self._kind(kind).scopes.append(accepts)

    def subscribe(self, kind: str, listener: Callable[[Body], None]) -> None:
        """Call `listener` on every change, whoever told it: with the new body and with the one it replaces.

        It runs inside the change: it must not fail, wait or mutate.
        """
        self._kind(kind).listeners.append(listener)

    def tracks(self, kind: str, body: Body) -> bool:
        """Whether a feed would tell us of that body's changes; one that none does must not be stored."""
        return any(accepts(body) for accepts in self._kind(kind).scopes)

    def _kind(self, kind: str) -> _Kind:
        return self._kinds.setdefault(kind, _Kind())

    def upsert(self, kind: str, body: Body) -> bool:
        """Take a newer body; True if it changed anything.

        Older versions of the same object, and objects that were removed already (a write's answer that arrives
        after the deletion), are ignored. A new uid under the same name replaces the old object.
        """
        k = self._kind(kind)
        key, uid = key_of(body), body["metadata"].get("uid")
        if uid in k.tombstones and not _after(body, k.tombstones[uid]):
            return False
        old = k.by_key.get(key)
        if old is not None:
            if old["metadata"].get("uid") == uid and not _newer(body, old):
                return False
            if old["metadata"].get("uid") != uid and _older(body, old):
                return False
            k.unindex(key, old)
        k.by_key[key] = body
        k.index(key, body)
        for listener in k.listeners:
            if old is not None:
                listener(old)  # it may belong to another owner now: both must look
            listener(body)
        return True

    def remove(self, kind: str, key: Key, uid: str | None = None, version: int | None = None) -> bool:
        """Forget an object that is known to be gone; with `uid`, only that incarnation. True if it was there.

        `version` is when it left: what is told later with a smaller one is ignored, with a greater one it is back
        (it matches a watch's selector again). Without, that uid never comes back.
        """
        k = self._kind(kind)
        if uid:
            k.bury(uid, version)
        old = k.by_key.get(key)
        if old is None or (uid is not None and old["metadata"].get("uid") != uid):
            return False
        if old_uid := old["metadata"].get("uid"):
            k.bury(old_uid, version)
        k.unindex(key, old)
        del k.by_key[key]
        for listener in k.listeners:
            listener(old)
        return True

    def get(self, kind: str, key: Key) -> Body | None:
        return self._kind(kind).by_key.get(key)

    def list(self, kind: str, namespace: str | None = None) -> Bodies:
        """All bodies of the kind, in order of first sight; with `namespace`, those in it."""
        bodies = self._kind(kind).by_key
        if namespace is None:
            return [*bodies.values()]
        return [b for (ns, _), b in bodies.items() if ns == namespace]

    def keys(self, kind: str) -> Iterator[Key]:
        return iter([*self._kind(kind).by_key])

    def count(self, kind: str) -> int:
        return len(self._kind(kind).by_key)

    def kinds(self) -> tuple[str, ...]:
        return tuple(self._kinds)

    def add_index(self, kind: str, index: str, fn: IndexFn) -> None:
        """Keep `fn(body)`'s values searchable; objects already there are indexed at once."""
        k = self._kind(kind)
        values: dict[Hashable, dict[Key, None]] = {}
        k.indices[index] = (fn, values)
        for key, body in k.by_key.items():
            for value in _values(fn, body):
                values.setdefault(value, {})[key] = None

    def by_index(self, kind: str, index: str, value: Hashable) -> Bodies:
        """Bodies whose index function gave `value`; KeyError if there is no such index."""
        k = self._kind(kind)
        return [k.by_key[key] for key in k.indices[index][1].get(value, ())]

    def mark_synced(self, kind: str) -> None:
        self._kind(kind).synced.set()

    def synced(self, *kinds: str) -> bool:
        """Whether each kind was listed wholly at least once."""
        return all(self._kind(kind).synced.is_set() for kind in kinds)

    async def wait_synced(self, *kinds: str) -> None:
        for kind in kinds:
            await self._kind(kind).synced.wait()


def _values(fn: IndexFn, body: Body) -> tuple[Hashable, ...]:
    """An object that an index function cannot read is in no index; the others are none the worse for it."""
    try:
        return tuple(fn(body))
    except Exception:
        log.exception("cannot index %s", "/".join(key_of(body)))
        return ()


def _after(body: Body, version: int | None) -> bool:
    own = version_of(body)
    return version is not None and own is not None and own > version


def _newer(body: Body, old: Body) -> bool:
    new_version, old_version = version_of(body), version_of(old)
    if new_version is None or old_version is None:
        return body != old
    return new_version > old_version


def _older(body: Body, old: Body) -> bool:
    new_version, old_version = version_of(body), version_of(old)
    return new_version is not None and old_version is not None and new_version < old_version
