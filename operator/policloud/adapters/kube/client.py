"""The Cluster port over HTTP: which verb, path, parameters and content type each method means."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Literal
from urllib.parse import quote

import aiohttp

from policloud.adapters.kube import errors
from policloud.adapters.kube.connection import Connection
from policloud.adapters.kube.transport import JSON, Call, ClientMetrics, Transport
from policloud.api.resources import SERVICE_ACCOUNT, Resource
from policloud.ports import Body, Listing, RejectedError, WatchEvent

_APPLY = "application/apply-patch+yaml"  # JSON is YAML
_MERGE = "application/merge-patch+json"
_PAGE = 500
_WATCH_SERVER_SECONDS = 270
_WATCH_TIMEOUT = aiohttp.ClientTimeout(total=300.0, sock_connect=10.0, sock_read=120.0)  # bookmarks: one a minute


class HttpCluster:
    """One API server under one identity. Belongs to the event loop of its first call; `close` it there."""

    def __init__(
        self,
        connection: Connection,
        *,
        metrics: ClientMetrics | None = None,
        timeout: float = 20.0,
        user_agent: str = "policloud",
    ) -> None:
        self.connection = connection
        self._http = Transport(connection, metrics=metrics, timeout=timeout, user_agent=user_agent)

    async def close(self) -> None:
        await self._http.close()

    async def version(self) -> str:
        """The server's gitVersion: the cheapest question that proves it is there."""
        return str((await self._http.exchange(Call("get", "GET", "/version", "get /version"))).get("gitVersion"))

    # -- reading

    async def get(self, resource: Resource, namespace: str | None, name: str) -> Body:
        return await self._call("get", "GET", resource, namespace, name)

    async def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        label_selector: str | None = None,
        field_selector: str | None = None,
    ) -> Listing:
        """The whole list, fetched in pages; one that expires half way is fetched anew in one piece."""
        params = _selectors(label_selector, field_selector)
        try:
            return await self._pages(resource, namespace, params, _PAGE)
        except RejectedError as e:
            if e.status != errors.GONE:
                raise
            return await self._pages(resource, namespace, params, 0)

    async def _pages(self, resource: Resource, namespace: str | None, params: dict[str, str], page: int) -> Listing:
        items: list[Body] = []
        more = ""
        while True:
            query = dict(params)
            if page:
                query["limit"] = str(page)
            if more:
                query["continue"] = more
            answer = await self._call("list", "GET", resource, namespace, None, params=query)
            for item in answer.get("items") or ():
                item.setdefault("apiVersion", resource.api_version)
                item.setdefault("kind", resource.kind)
                items.append(item)
            meta = answer.get("metadata") or {}
            more = meta.get("continue") or ""
            if not more:
                return Listing(items, str(meta.get("resourceVersion", "")))

    # -- writing

    async def create(self, resource: Resource, body: Body, *, dry_run: bool = False) -> Body:
        params = {"fieldValidation": "Strict", **_dry(dry_run)}
        return await self._call("create", "POST", resource, _namespace(body), None, body=body, params=params)

    async def replace(self, resource: Resource, body: Body, *, subresource: str | None = None) -> Body:
        return await self._call(
            "update", "PUT", resource, _namespace(body), body["metadata"]["name"], subresource=subresource, body=body
        )

    async def apply(
        self, resource: Resource, body: Body, *, manager: str, force: bool = True, dry_run: bool = False
    ) -> Body:
        return await self._apply(resource, body, manager, None, force=force, dry_run=dry_run)

    async def apply_status(self, resource: Resource, body: Body, *, manager: str) -> Body:
        return await self._apply(resource, body, manager, "status", force=True, dry_run=False)

    async def _apply(
        self, resource: Resource, body: Body, manager: str, subresource: str | None, *, force: bool, dry_run: bool
    ) -> Body:
        params = {
            "fieldManager": manager,
            "force": "true" if force else "false",
            "fieldValidation": "Strict",
            **_dry(dry_run),
        }
        return await self._call(
            "apply",
            "PATCH",
            resource,
            _namespace(body),
            body["metadata"]["name"],
            subresource=subresource,
            body=body,
            params=params,
            content_type=_APPLY,
        )

    async def merge_patch(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        patch: Mapping[str, Any],
        *,
        subresource: str | None = None,
        manager: str | None = None,
    ) -> Body:
        params = {"fieldManager": manager} if manager else {}
        return await self._call(
            "patch",
            "PATCH",
            resource,
            namespace,
            name,
            subresource=subresource,
            body=patch,
            params=params,
            content_type=_MERGE,
        )

    async def delete(
        self,
        resource: Resource,
        namespace: str | None,
        name: str,
        *,
        uid: str | None = None,
        resource_version: str | None = None,
        propagation: Literal["Background", "Foreground", "Orphan"] = "Background",
    ) -> None:
        options: Body = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation}
        given = {"uid": uid, "resourceVersion": resource_version}
        if preconditions := {k: v for k, v in given.items() if v is not None}:
            options["preconditions"] = preconditions
        await self._call("delete", "DELETE", resource, namespace, name, body=options)

    async def create_token(
        self, namespace: str, service_account: str, *, seconds: int, audiences: Sequence[str]
    ) -> Body:
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": seconds, "audiences": [*audiences]},
        }
        return await self._call(
            "create", "POST", SERVICE_ACCOUNT, namespace, service_account, subresource="token", body=body
        )

    # -- watching

    async def watch(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        resource_version: str,
        label_selector: str | None = None,
    ) -> AsyncIterator[WatchEvent]:
        """Events after `resource_version` until the server closes (about every 4.5 min) or falls silent."""
        what = f"watch {resource}"
        params = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(_WATCH_SERVER_SECONDS),
            "resourceVersion": resource_version,
            **_selectors(label_selector, None),
        }
        call = Call("watch", "GET", _path(resource, namespace, None, None), what, params=params, timeout=_WATCH_TIMEOUT)
        async for event in self._http.stream(call):
            if event["type"] == "ERROR":
                raise errors.from_watch(what, event["object"])
            yield WatchEvent(event["type"], event["object"])

    async def _call(
        self,
        verb: str,
        method: str,
        resource: Resource,
        namespace: str | None,
        name: str | None,
        *,
        subresource: str | None = None,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, str] | None = None,
        content_type: str = JSON,
    ) -> Body:
        where = "/".join(part for part in (namespace, name, subresource) if part)
        what = f"{verb} {resource} {where}".rstrip()
        path = _path(resource, namespace, name, subresource)
        return await self._http.exchange(Call(verb, method, path, what, params or {}, body, content_type))


def _path(resource: Resource, namespace: str | None, name: str | None, subresource: str | None) -> str:
    parts = ["", "apis" if resource.group else "api", resource.api_version]
    if resource.namespaced and namespace:
        parts += ["namespaces", _segment(namespace)]
    parts.append(resource.plural)
    if name is not None:
        parts.append(_segment(name))
        if subresource:
            parts.append(subresource)
    return "/".join(parts)


def _segment(name: str) -> str:
    """A name as one path segment: nothing in it can lead to another path."""
    if name in {"", ".", ".."}:
        raise RejectedError(f"{name!r} is not a name", status=400)
    return quote(name, safe="")


def _namespace(body: Body) -> str | None:
    namespace: str | None = body["metadata"].get("namespace")
    return namespace


def _dry(dry_run: bool) -> dict[str, str]:  # noqa: FBT001
    return {"dryRun": "All"} if dry_run else {}


def _selectors(label: str | None, field: str | None) -> dict[str, str]:
    given = {"labelSelector": label, "fieldSelector": field}
    return {k: v for k, v in given.items() if v}
