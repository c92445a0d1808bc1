"""An API server in memory: the Cluster port with the rules that reconcilers depend on. No schema, no admission."""

from __future__ import annotations

import asyncio
import itertools
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, cast

import orjson

from policloud.api.resources import Resource
from policloud.ports import (
    Body,
    Clock,
    ConflictError,
    Listing,
    NotFoundError,
    RejectedError,
    WatchEvent,
)
from policloud.runtime.store import Key
from policloud.testing.apply import Owners, apply, content
from policloud.testing.history import History
from policloud.testing.selectors import matches

_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def _copy(body: Mapping[str, Any]) -> Body:
    return cast(Body, orjson.loads(orjson.dumps(body)))


class FakeCluster:
    """Objects with uid, resourceVersion, generation, finalizers, a status of its own, and owners of applied fields.

    `missing` holds resources (as strings) that are not installed. `compact()` makes old watches expire,
    `drop_watches()` ends the running ones. What it does not do: schemas, defaults, admission, garbage collection.
    """

    def __init__(self, clock: Clock | None = None) -> None:
        self.missing: set[str] = set()
        self.writes: list[tuple[str, str, Key]] = []  # (verb, resource, key) of every write that changed something
        self._clock = clock
        self._objects: dict[str, dict[Key, Body]] = {}
        self._owners: dict[tuple[str, Key], Owners] = {}
        self._ids = itertools.count(1)
        self._history = History()

    # -- reading

    async def get(self, resource: Resource, namespace: str | None, name: str) -> Body:
        await asyncio.sleep(0)
        return _copy(self._get(resource, namespace, name))

    async def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        label_selector: str | None = None,
        field_selector: str | None = None,
    ) -> Listing:
        await asyncio.sleep(0)
        items = [
            _copy(b)
            for (ns, _), b in sorted(self._of(resource).items())
            if (namespace is None or ns == namespace) and matches(b, label_selector, field_selector)
        ]
        return Listing(items, str(self._history.version))

    async def watch(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        resource_version: str,
        label_selector: str | None = None,
    ) -> AsyncIterator[WatchEvent]:
        self._of(resource)
        async for event in self._history.follow(str(resource), namespace, int(resource_version), label_selector):
            yield WatchEvent(event.type, _copy(event.object))

    def compact(self) -> None:
        """Forget all history: a watch from before now expires with 410."""
        self._history.compact()

    def drop_watches(self) -> None:
        """End every running watch, as a server does now and then."""
        self._history.drop()

    # -- writing

    async def create(self, resource: Resource, body: Body, *, dry_run: bool = False) -> Body:
        await asyncio.sleep(0)
        new = _copy(body)
        meta = new.setdefault("metadata", {})
        if "name" not in meta and "generateName" in meta:
            meta["name"] = f"{meta['generateName']}{next(self._ids):05x}"
        if "name" not in meta:
            return {**new, "status": {}}  # reviews: asked, answered, not kept
        key = self._key(resource, meta.get("namespace"), meta["name"])
        if key in self._of(resource):
            raise ConflictError(f'create {resource}: "{meta["name"]}" already exists', already_exists=True)
        new.pop("status", None)
        self._owners[str(resource), key] = Owners()
        return self._put(resource, key, None, new, dry_run=dry_run, verb="create")

    async def replace(self, resource: Resource, body: Body, *, subresource: str | None = None) -> Body:
        await asyncio.sleep(0)
        meta = body["metadata"]
        current = self._get(resource, meta.get("namespace"), meta["name"])
        if not meta.get("resourceVersion"):
            raise RejectedError("metadata.resourceVersion: must be specified for an update", status=422)
        self._check(resource, current, meta.get("uid"), meta["resourceVersion"])
        wanted = _copy(body)
        if subresource:
            new = {**current, subresource: wanted.get(subresource)}
        else:
            new = {**wanted, **({"status": current["status"]} if "status" in current else {})}
            if "status" not in current:
                new.pop("status", None)
        return self._update(resource, current, new, verb="update")

    async def merge_patch(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        patch: Mapping[str, Any],
        *,
        subresource: str | None = None,
        manager: str | None = None,  # noqa: ARG002 - only applies are owned here
    ) -> Body:
        await asyncio.sleep(0)
        current = self._get(resource, namespace, name)
        wanted = _copy(patch)
        meta = wanted.get("metadata") or {}
        self._check(resource, current, meta.get("uid"), meta.get("resourceVersion"))
        if subresource:
            wanted = {subresource: wanted[subresource]} if subresource in wanted else {}
        else:
            wanted.pop("status", None)
        return self._update(resource, current, _merge_patch(_copy(current), wanted), verb="patch")

    async def apply(
        self, resource: Resource, body: Body, *, manager: str, force: bool = True, dry_run: bool = False
    ) -> Body:
        return await self._apply(resource, body, manager, None, force=force, dry_run=dry_run)

    async def apply_status(self, resource: Resource, body: Body, *, manager: str) -> Body:
        return await self._apply(resource, body, manager, "status", force=True, dry_run=False)

    async def _apply(
        self, resource: Resource, body: Body, manager: str, subresource: str | None, *, force: bool, dry_run: bool
    ) -> Body:
        await asyncio.sleep(0)
        wanted = _copy(body)
        meta = wanted["metadata"]
        if meta.get("managedFields"):
            raise RejectedError("metadata.managedFields must be nil", status=400)
        key = self._key(resource, meta.get("namespace"), meta["name"])
        current = self._of(resource).get(key)
        if current is None:
            if subresource or meta.get("uid") or meta.get("resourceVersion"):
                raise NotFoundError(f'apply {resource}: "{meta["name"]}" not found')
            current = {k: wanted[k] for k in ("apiVersion", "kind") if k in wanted}
            current["metadata"] = {k: meta[k] for k in ("name", "namespace") if k in meta}
        else:
            self._check(resource, current, meta.get("uid"), meta.get("resourceVersion"))
        owners = Owners({m: set(p) for m, p in self._owners.get((str(resource), key), Owners()).of.items()})
        what = f"apply {resource} {meta['name']}"
        new = apply(_copy(current), wanted, owners, manager, subresource=subresource, force=force, what=what)
        if not dry_run:
            self._owners[str(resource), key] = owners
        before = self._of(resource).get(key)
        return self._put(resource, key, before, new, dry_run=dry_run, verb="apply")

    async def delete(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        *,
        uid: str | None = None,
        resource_version: str | None = None,
        propagation: Literal["Background", "Foreground", "Orphan"] = "Background",  # noqa: ARG002 - nothing is owned
    ) -> None:
        await asyncio.sleep(0)
        current = self._get(resource, namespace, name)
        self._check(resource, current, uid, resource_version)
        if not current["metadata"].get("finalizers"):
            self._remove(resource, current)
        elif not current["metadata"].get("deletionTimestamp"):
            new = _copy(current)
            new["metadata"]["deletionTimestamp"] = self._time()
            self._put(resource, self._key(resource, namespace, name), current, new, dry_run=False, verb="delete")

    async def create_token(
        self, namespace: str, service_account: str, *, seconds: int, audiences: Sequence[str]
    ) -> Body:
        await asyncio.sleep(0)
        return {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"audiences": [*audiences], "expirationSeconds": seconds},
            "status": {
                "token": f"fake:{namespace}:{service_account}:{next(self._ids)}",
                "expirationTimestamp": self._time(seconds),
            },
        }

    # -- inside

    def _of(self, resource: Resource) -> dict[Key, Body]:
        if str(resource) in self.missing:
            raise NotFoundError(f"{resource}: the server could not find the requested resource", missing_kind=True)
        return self._objects.setdefault(str(resource), {})

    def _key(self, resource: Resource, namespace: str | None, name: str) -> Key:
        if resource.namespaced and not namespace:
            raise RejectedError(f"{resource} {name}: an empty namespace may not be set", status=400)
        return ((namespace or "") if resource.namespaced else "", name)

    def _get(self, resource: Resource, namespace: str | None, name: str) -> Body:
        found = self._of(resource).get(self._key(resource, namespace, name))
        if found is None:
            raise NotFoundError(f'{resource} "{name}" not found')
        return found

    def _check(self, resource: Resource, current: Body, uid: str | None, version: str | None) -> None:
        meta = current["metadata"]
        for field, wanted in (("uid", uid), ("resourceVersion", version)):
            if wanted is not None and wanted != meta[field]:
                raise ConflictError(
                    f'{resource} "{meta["name"]}": the object has been modified; {field} is {meta[field]}, not {wanted}'
                )

    def _update(self, resource: Resource, current: Body, new: Body, *, verb: str) -> Body:
        meta, old = new.setdefault("metadata", {}), {**current["metadata"]}
        for field in ("uid", "creationTimestamp", "deletionTimestamp", "name", "namespace"):
            meta.pop(field, None)
            if field in old:
                meta[field] = old[field]
        key = self._key(resource, old.get("namespace"), old["name"])
        self._owners[str(resource), key].changed_by_others(current, new)
        return self._put(resource, key, current, new, dry_run=False, verb=verb)

    def _put(self, resource: Resource, key: Key, current: Body | None, new: Body, *, dry_run: bool, verb: str) -> Body:
        new = _copy(new)
        new.setdefault("apiVersion", resource.api_version)
        new.setdefault("kind", resource.kind)
        meta = new["metadata"]
        owners = self._owners.get((str(resource), key))
        meta["managedFields"] = owners.managed_fields(resource.api_version) if owners else []
        if current is None:
            meta |= {"uid": str(uuid.UUID(int=next(self._ids))), "creationTimestamp": self._time(), "generation": 1}
        else:
            meta["resourceVersion"] = current["metadata"]["resourceVersion"]
            meta["generation"] = current["metadata"]["generation"] + (_spec(new) != _spec(current))
            if new == current:
                return _copy(new)
        if dry_run:
            meta.setdefault("resourceVersion", "")
            return new
        self.writes.append((verb, str(resource), key))
        if current is not None and meta.get("deletionTimestamp") and not meta.get("finalizers"):
            return self._remove(resource, new)
        event_type: Literal["ADDED", "MODIFIED"] = "ADDED" if current is None else "MODIFIED"
        self._of(resource)[key] = self._history.record(str(resource), event_type, new, current)
        return _copy(new)

    def _remove(self, resource: Resource, body: Body) -> Body:
        key = self._key(resource, body["metadata"].get("namespace"), body["metadata"]["name"])
        old = self._of(resource).pop(key)
        self._owners.pop((str(resource), key), None)
        self.writes.append(("delete", str(resource), key))
        return self._history.record(str(resource), "DELETED", _copy(body), old)

    def _time(self, plus: int = 0) -> str:
        now = self._clock.now() if self._clock else _EPOCH
        return datetime.fromtimestamp(now.timestamp() + plus, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _spec(body: Body) -> Body:
    """What a change of counts as a new generation."""
    spec = content(body)
    spec.pop("metadata", None)
    return spec


def _merge_patch(current: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, Mapping):
        return patch
    merged = dict(current) if isinstance(current, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = _merge_patch(merged.get(name), value)
    return merged
