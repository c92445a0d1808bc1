"""Joining: a one-time code and a proven key become the pinned key of a membership, safe against every crash."""

from __future__ import annotations

import logging
from typing import Final

from policloud.adapters.assertions import verify_join
from policloud.api.names import HUB_MANAGER, INVITED_ANNOTATION, SITE_NAMESPACE_PREFIX
from policloud.api.resources import SECRET, SITE_MEMBERSHIP
from policloud.domain.federation.keys import fingerprint
from policloud.hub.identity.requests import JoinRequest, RefusalError
from policloud.ports import Body, Clock, Cluster, ConflictError, NotFoundError
from policloud.reconcile.hub.codes import CODE_SECRET, StoredCode, claimed, read_secret

log = logging.getLogger(__name__)

_ATTEMPTS: Final = 5


class Joining:
    """Order: Secret claimed by the key → key pinned in the membership → Secret deleted.

    Whoever comes with the code's own key may take any of these steps again; any other key finds the code claimed.
    """

    def __init__(self, cluster: Cluster, clock: Clock, *, hub_id: str, url: str) -> None:
        self._cluster = cluster
        self._clock = clock
        self._hub_id = hub_id
        self._url = url

    async def join(self, request: JoinRequest) -> None:
        """Returns once the key is pinned; RefusalError if it will not be. ApiErrors pass."""
        if not self._proven(request):
            raise RefusalError(400, "invalid_proof", "the proof was not made with this key for this hub and code")
        for _ in range(_ATTEMPTS):
            try:
                return await self._attempt(request)
            except ConflictError:
                continue  # somebody wrote in between: read again, decide again
        raise RefusalError(503, "temporarily_unavailable", "too many writers at once; try again", retry_after=1)

    def _proven(self, request: JoinRequest) -> bool:
        return verify_join(
            request.public_key,
            request.proof,
            hub_id=self._hub_id,
            url=self._url,
            membership=request.membership,
            code=request.code,
        )

    async def _attempt(self, request: JoinRequest) -> None:
        membership = await self._read(request.membership)
        secret = await self._read_secret(request.membership)
        pinned = _pinned(membership)
        if membership is not None and pinned == request.public_key and _accepted(membership):
            await self._forget(secret, request.public_key)
            return  # the answer to an earlier attempt was lost
        code = self._usable(secret, request)
        if secret is None or code is None or membership is None:
            raise _unknown_code()
        _check_membership(membership, request.membership)
        if not code.claimed_key:
            secret = await self._cluster.replace(SECRET, claimed(secret, request.public_key))
        await self._pin(membership, request)
        await self._forget(secret, request.public_key)

    def _usable(self, secret: Body | None, request: JoinRequest) -> StoredCode | None:
        code = read_secret(secret) if secret is not None else None
        if code is None or not code.matches(request.code):
            return None
        if code.claimed_key:
            return code if code.claimed_key == request.public_key else None
        return code if self._clock.now() < code.expires else None

    async def _pin(self, membership: Body, request: JoinRequest) -> None:
        patch = {
            "metadata": {
                "resourceVersion": membership["metadata"]["resourceVersion"],
                "annotations": {INVITED_ANNOTATION: None},  # used: no invitation is open any more
            },
            "spec": {"publicKey": request.public_key},
        }
        namespace = SITE_NAMESPACE_PREFIX + request.membership
        await self._cluster.merge_patch(SITE_MEMBERSHIP, namespace, request.membership, patch, manager=HUB_MANAGER)
        log.info("site %s joined with key %s", request.membership, fingerprint(request.public_key))

    async def _forget(self, secret: Body | None, public_key: str) -> None:
        """Delete the code once its key is pinned; what a crash leaves is swept by the membership reconciler."""
        code = read_secret(secret) if secret is not None else None
        if secret is None or code is None or code.claimed_key != public_key:
            return
        meta = secret["metadata"]
        try:
            await self._cluster.delete(
                SECRET, meta["namespace"], meta["name"], uid=meta["uid"], resource_version=meta["resourceVersion"]
            )
        except NotFoundError:
            return

    async def _read(self, site: str) -> Body | None:
        try:
            return await self._cluster.get(SITE_MEMBERSHIP, SITE_NAMESPACE_PREFIX + site, site)
        except NotFoundError as error:
            if error.missing_kind:
                raise
            return None

    async def _read_secret(self, site: str) -> Body | None:
        try:
            return await self._cluster.get(SECRET, SITE_NAMESPACE_PREFIX + site, CODE_SECRET)
        except NotFoundError:
            return None


def _pinned(membership: Body | None) -> str:
    return str(((membership or {}).get("spec") or {}).get("publicKey") or "")


def _accepted(membership: Body) -> bool:
    return bool((membership.get("spec") or {}).get("accepted", False))


def _check_membership(membership: Body, name: str) -> None:
    """Said only to somebody who has shown a valid code, so it gives nothing away."""
    if not _accepted(membership):
        raise RefusalError(403, "not_accepted", f"SiteMembership {name} has accepted: false; the hub must accept it")
    if _pinned(membership):
        raise RefusalError(
            409,
            "other_key_pinned",
            f"{name} has joined with another key ({fingerprint(_pinned(membership))}). If that site is gone or was "
            "rebuilt, the platform team removes spec.publicKey from its SiteMembership and invites it again",
        )


def _unknown_code() -> RefusalError:
    """One text for no such membership, no such code, a used one and an expired one."""
    return RefusalError(
        403,
        "invalid_code",
        "this code is unknown, used by another key, or expired; ask the platform team for a new one: "
        "policloud hub invite NAME",
    )
