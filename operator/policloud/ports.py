"""What reconcilers need from the world, as protocols. Adapters implement them; `testing` brings doubles."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

from policloud.api.resources import Resource
from policloud.domain.federation.epoch import Echo
from policloud.domain.federation.link import LinkState
from policloud.domain.placement.model import Decision, Snapshot

Body = dict[str, Any]


class ApiError(Exception):
    """An API server said no, or said nothing. `message` is fit to be shown; it never holds credentials."""

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.status = status


class NotFoundError(ApiError):
    """404: the object (or, with `missing_kind`, the resource itself) is not there. Never an order to delete."""

    def __init__(self, message: str, *, missing_kind: bool = False) -> None:
        super().__init__(message, status=404)
        self.missing_kind = missing_kind


class ConflictError(ApiError):
    """409: a precondition (resourceVersion, uid) failed, or the object exists already. Read again, decide again."""

    def __init__(self, message: str, *, already_exists: bool = False) -> None:
        super().__init__(message, status=409)
        self.already_exists = already_exists


class RejectedError(ApiError):
    """400, 403, 422…: the server understood and refuses; retrying unchanged is pointless."""


class UnauthenticatedError(ApiError):
    """401: the credential is no longer good; get a new one."""


class TransientError(ApiError):
    """Timeouts, 429, 5xx, refused connections: try later. Whether the write happened is unknown."""

    def __init__(self, message: str, *, status: int | None = None, retry_after: float | None = None) -> None:
        super().__init__(message, status=status)
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Listing:
    items: list[Body]
    resource_version: str


@dataclass(frozen=True, slots=True)
class WatchEvent:
    type: Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK"]  # BOOKMARK: only metadata.resourceVersion is told
    object: Body


class Cluster(Protocol):
    """One API server under one identity. Every method raises only ApiError and its subclasses."""

    async def get(self, resource: Resource, namespace: str | None, name: str) -> Body: ...

    async def list(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        label_selector: str | None = None,
        field_selector: str | None = None,
    ) -> Listing: ...

    async def create(self, resource: Resource, body: Body, *, dry_run: bool = False) -> Body:
        """POST; ConflictError(already_exists=True) if it is there."""
        ...

    async def replace(self, resource: Resource, body: Body, *, subresource: str | None = None) -> Body:
        """PUT with the body's metadata.resourceVersion as the precondition: ConflictError if it moved on."""
        ...

    async def apply(
        self, resource: Resource, body: Body, *, manager: str, force: bool = True, dry_run: bool = False
    ) -> Body:
        """Server-side apply."""
        ...

    async def apply_status(self, resource: Resource, body: Body, *, manager: str) -> Body:
        """Server-side apply on the status subresource; body needs apiVersion, kind, metadata, status."""
        ...

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
        """JSON merge patch; put metadata.resourceVersion into it to make it conditional."""
        ...

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
        """DELETE under preconditions; NotFoundError if it is gone already."""
        ...

    async def create_token(
        self, namespace: str, service_account: str, *, seconds: int, audiences: Sequence[str]
    ) -> Body:
        """TokenRequest: `status.token` and `status.expirationTimestamp` of the answer."""
        ...

    def watch(
        self,
        resource: Resource,
        namespace: str | None = None,
        *,
        resource_version: str,
        label_selector: str | None = None,
    ) -> AsyncIterator[WatchEvent]:
        """Events after `resource_version` until the server closes; NotFoundError(…)/RejectedError 410 if expired."""
        ...


class HubLink(Protocol):
    """A site's line to one hub. Nothing local ever waits for it."""

    @property
    def state(self) -> LinkState: ...

    @property
    def cluster(self) -> Cluster | None:
        """The hub's API server under this site's identity, or None while nothing may be written there."""
        ...

    @property
    def namespace(self) -> str:
        """This site's namespace on the hub (`site-<membership>`), empty while not joined."""
        ...

    def sign(self, prefix: bytes, message: bytes) -> str:
        """Sign with the site's key: `ed25519:…` (domain/federation/keys.py). RuntimeError before the key is loaded."""
        ...


class Journal(Protocol):
    """What a site has stored of one hub's offers; the link echoes its highest numbers."""

    def echo(self, hub_id: str) -> Echo: ...


class Clock(Protocol):
    """Time, injected. `now` is aware UTC for what is written; `monotonic` for what is waited."""

    def now(self) -> datetime: ...

    def monotonic(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...


class Recorder(Protocol):
    """Kubernetes Events, deduplicated and rate-limited; never raises, never blocks on the API server."""

    def event(self, regarding: Body, *, type_: Literal["Normal", "Warning"], reason: str, message: str) -> None: ...


class Solver(Protocol):
    """Where the missing replicas go. Pure: same snapshot, same decision.

    A solver that preempts says so in further fields of Decision; nothing that runs is moved by this one.
    """

    def solve(self, snapshot: Snapshot) -> Decision: ...


@dataclass(frozen=True, slots=True)
class Reading:
    """One sample of a meter. `quality` is the meter's own; freshness is judged by who reads it."""

    watts: int
    at: datetime


class Meter(Protocol):
    """One meter of an EnergySource. Raises MeterError with a reason fit for a condition."""

    async def read(self) -> Reading: ...


class MeterError(Exception):
    """`reason` is CamelCase (TraceFileMissing, ProviderNotServed, MeterUnreachable…), `message` says what to do."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
