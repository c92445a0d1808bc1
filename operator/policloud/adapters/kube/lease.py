"""The elector's lease as a coordination.k8s.io Lease."""

from __future__ import annotations

from collections.abc import Awaitable

from policloud.api.names import MANAGED_BY, MANAGED_BY_LABEL
from policloud.api.resources import LEASE
from policloud.ports import ApiError, Body, Clock, Cluster, ConflictError, NotFoundError
from policloud.runtime.lease import LeaseConflictError, LeaseRecord, LeaseUnavailableError


class ClusterLease:
    """One Lease object. Its times are written for people; nobody here decides by them."""

    def __init__(self, cluster: Cluster, namespace: str, name: str, *, clock: Clock) -> None:
        self._cluster = cluster
        self._namespace = namespace
        self._name = name
        self._clock = clock
        self._acquired: tuple[int, str] = (-1, "")  # transitions -> when

    async def get(self) -> LeaseRecord | None:
        try:
            return _record(await self._cluster.get(LEASE, self._namespace, self._name))
        except NotFoundError:
            return None
        except ApiError as e:
            raise LeaseUnavailableError(e.message) from e

    async def create(self, record: LeaseRecord) -> LeaseRecord:
        return await _written(self._cluster.create(LEASE, self._body(record)))

    async def replace(self, record: LeaseRecord) -> LeaseRecord:
        return await _written(self._cluster.replace(LEASE, self._body(record)))

    def _body(self, record: LeaseRecord) -> Body:
        now = self._clock.now().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        if self._acquired[0] != record.transitions:
            self._acquired = (record.transitions, now)
        metadata: Body = {
            "name": self._name,
            "namespace": self._namespace,
            "labels": {MANAGED_BY_LABEL: MANAGED_BY},
        }
        if record.version:
            metadata["resourceVersion"] = record.version
        return {
            "apiVersion": LEASE.api_version,
            "kind": LEASE.kind,
            "metadata": metadata,
            "spec": {
                "holderIdentity": record.holder,
                "leaseDurationSeconds": record.seconds,
                "leaseTransitions": record.transitions,
                "acquireTime": self._acquired[1],
                "renewTime": now,
            },
        }


async def _written(call: Awaitable[Body]) -> LeaseRecord:
    try:
        return _record(await call)
    except ConflictError as e:
        raise LeaseConflictError(e.message) from e
    except ApiError as e:
        raise LeaseUnavailableError(e.message) from e


def _record(body: Body) -> LeaseRecord:
    spec = body.get("spec") or {}
    return LeaseRecord(
        holder=spec.get("holderIdentity") or "",
        seconds=spec.get("leaseDurationSeconds") or 1,
        transitions=spec.get("leaseTransitions") or 0,
        renewals=spec.get("renewTime") or "",
        version=body["metadata"]["resourceVersion"],
    )
