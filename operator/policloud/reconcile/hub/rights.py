"""A site's rights on the hub: an account in its own namespace, and nothing outside it."""

from __future__ import annotations

from typing import Any, Final

from policloud.api.names import HUB_MANAGER, MANAGED_BY, MANAGED_BY_LABEL, SITE_LABEL, SITE_NAMESPACE_PREFIX
from policloud.api.resources import LEASE, NAMESPACE, ROLE_BINDING, SECRET, SERVICE_ACCOUNT, Resource
from policloud.domain.federation.liveness import LivenessSettings
from policloud.domain.federation.membership import MembershipState
from policloud.ports import Body, Clock, Cluster, ConflictError, NotFoundError
from policloud.reconcile.hub.codes import CODE_SECRET, StoredCode, read_secret
from policloud.reconcile.hub.sites import SITE_LEASE

SITE_ACCOUNT: Final = "policloud-site"
MEMBER_ROLE: Final = "policloud-site-member"


class Rights:
    """Level-triggered: reads what there is, writes only what differs. ApiErrors pass."""

    def __init__(self, cluster: Cluster, clock: Clock, settings: LivenessSettings) -> None:
        self._cluster = cluster
        self._clock = clock
        self._settings = settings

    async def follow(self, state: MembershipState) -> bool:
        """Give or take what the membership says; True if an invitation is still open."""
        await self._label(state.site)
        if state.accepted and state.joined:
            await self._grant(state.site)
        else:
            await self.withdraw(state.site)
        return await self._sweep_code(state)

    async def withdraw(self, site: str) -> None:
        """Delete the account: its tokens are refused as soon as the API server's cache forgets them (10 s)."""
        account = await self._get(SERVICE_ACCOUNT, site, SITE_ACCOUNT)
        if account is not None:
            await self._delete(SERVICE_ACCOUNT, account)

    async def _label(self, site: str) -> None:
        name = SITE_NAMESPACE_PREFIX + site
        wanted = site_labels(site)
        labels = (await self._cluster.get(NAMESPACE, None, name))["metadata"].get("labels") or {}
        if any(labels.get(key) != value for key, value in wanted.items()):
            body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": wanted}}
            await self._cluster.apply(NAMESPACE, body, manager=HUB_MANAGER)

    async def _grant(self, site: str) -> None:
        wanted: tuple[tuple[Resource, str, dict[str, Any]], ...] = (
            (ROLE_BINDING, SITE_ACCOUNT, _binding(site)),
            (LEASE, SITE_LEASE, {"spec": {"leaseDurationSeconds": max(1, round(self._settings.unreachable))}}),
            (SERVICE_ACCOUNT, SITE_ACCOUNT, {"automountServiceAccountToken": False}),
        )
        for resource, name, content in wanted:
            if await self._get(resource, site, name) is None:
                await self._create(resource, site, name, content)

    async def _create(self, resource: Resource, site: str, name: str, content: dict[str, Any]) -> None:
        body = {
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "metadata": {
                "name": name,
                "namespace": SITE_NAMESPACE_PREFIX + site,
                "labels": {MANAGED_BY_LABEL: MANAGED_BY, SITE_LABEL: site},
            },
            **content,
        }
        try:
            await self._cluster.create(resource, body)
        except ConflictError as error:
            if not error.already_exists:
                raise

    async def _sweep_code(self, state: MembershipState) -> bool:
        """Remove a code that has served, has expired, or could let a site back in that was sent away."""
        secret = await self._get(SECRET, state.site, CODE_SECRET)
        code = read_secret(secret) if secret is not None else None
        if secret is None or code is None:
            return False
        if not self._spent(code, state):
            return True
        await self._delete(SECRET, secret)
        return False

    def _spent(self, code: StoredCode, state: MembershipState) -> bool:
        if code.claimed_key:
            removed = not state.joined and state.was_joined
            return code.claimed_key == state.public_key or removed or not state.accepted
        return self._clock.now() >= code.expires

    async def _get(self, resource: Resource, site: str, name: str) -> Body | None:
        try:
            return await self._cluster.get(resource, SITE_NAMESPACE_PREFIX + site, name)
        except NotFoundError:
            return None

    async def _delete(self, resource: Resource, body: Body) -> None:
        meta = body["metadata"]
        try:
            await self._cluster.delete(
                resource,
                meta["namespace"],
                meta["name"],
                uid=meta["uid"],
                resource_version=meta["resourceVersion"] if resource == SECRET else None,
            )
        except NotFoundError:
            return


def site_labels(site: str) -> dict[str, str]:
    """Labels of a site's namespace on the hub. No pod is meant to run there."""
    return {
        MANAGED_BY_LABEL: MANAGED_BY,
        SITE_LABEL: site,
        "pod-security.kubernetes.io/enforce": "restricted",
    }


def _binding(site: str) -> dict[str, Any]:
    return {
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": MEMBER_ROLE},
        "subjects": [
            {"kind": "ServiceAccount", "name": SITE_ACCOUNT, "namespace": SITE_NAMESPACE_PREFIX + site},
        ],
    }
