"""What a site may do on its hub: exactly this list, by asking the authorizer and by trying. All else is denied."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from linklab import HubLab
from policloud.adapters.kube.client import HttpCluster
from policloud.adapters.kube.connection import Connection, Token, fixed_token
from policloud.api.resources import (
    LEASE,
    POLICLOUD_UNIT,
    SECRET,
    SERVICE_ACCOUNT,
    SITE_MEMBERSHIP,
    WORK_OFFER,
    Resource,
)
from policloud.ports import ApiError, NotFoundError, RejectedError
from policloud.site.identity_client import IdentityClient
from policloud.site.remembered import load_key
from policloud.testing.controlplane import ControlPlane

VERBS = [
    "get",
    "list",
    "watch",
    "create",
    "update",
    "patch",
    "delete",
    "deletecollection",
    "bind",
    "escalate",
    "impersonate",
    "approve",
    "sign",
    "use",
    "proxy",
]
numbers = itertools.count(1)

# Of its own namespace; (resource, subresource, name or "" for any).
ALLOWED = {
    ("workoffers.policloud.io", "", "", verb) for verb in ("get", "list", "watch")
} | {("policloudunits.policloud.io", "", "", verb) for verb in ("list", "create", "patch", "delete")} | {
    ("workoffers.policloud.io", "status", "", "patch"),
    ("policloudunits.policloud.io", "status", "", "patch"),
    ("leases.coordination.k8s.io", "", "policloud-site", "get"),
    ("leases.coordination.k8s.io", "", "policloud-site", "update"),
}  # fmt: skip
# What Kubernetes itself gives every service account in any cluster: questions about itself (ClusterRole
# system:basic-user) and certificates made to be public (system:cluster-trust-bundle-discovery).
EVERYBODY = {
    *(("clustertrustbundles.certificates.k8s.io", "", "", verb) for verb in ("get", "list", "watch")),
    ("selfsubjectaccessreviews.authorization.k8s.io", "", "", "create"),
    ("selfsubjectrulesreviews.authorization.k8s.io", "", "", "create"),
    ("selfsubjectreviews.authentication.k8s.io", "", "", "create"),
}


class Kind(NamedTuple):
    resource: Resource
    subresource: str


class Insider(NamedTuple):
    """A site with its real token; `other` is the namespace of a neighbour that has joined too."""

    hub: HubLab
    cluster: HttpCluster
    kinds: list[Kind]
    own: str
    other: str


@pytest.fixture
async def insider(api_server: ControlPlane, tmp_path: Path) -> AsyncIterator[Insider]:
    number = next(numbers)
    async with HubLab(api_server, tmp_path) as hub:
        name = f"insider-{number}"
        line = await hub.joined(name)
        await hub.joined(f"neighbour-{number}")
        info = (await hub.invite(f"next-{number}")).hub
        token = await IdentityClient(info, await load_key(hub.admin, line.namespace)).token(name)
        cluster = HttpCluster(_connection(hub, token))
        yield Insider(hub, cluster, served(hub.plane), f"site-{name}", f"site-neighbour-{number}")
        await cluster.close()


def _connection(hub: HubLab, token: Token) -> Connection:
    return Connection(hub.plane.url, hub.plane.ca_pem, fixed_token(token.value))


def served(plane: ControlPlane) -> list[Kind]:
    """Every resource and subresource that this API server knows, by its own discovery."""
    kinds = []
    for group, version in [("", "v1"), *_groups(plane)]:
        base = f"/apis/{group}/{version}" if group else f"/api/{version}"
        for entry in plane.api.request("GET", base)["resources"]:
            plural, _, subresource = entry["name"].partition("/")
            kinds.append(Kind(Resource(group, version, plural, entry["kind"], entry["namespaced"]), subresource))
    return kinds


def _groups(plane: ControlPlane) -> list[tuple[str, str]]:
    found = plane.api.request("GET", "/apis")["groups"]
    return [(group["name"], group["preferredVersion"]["version"]) for group in found]


async def may(insider: Insider, kind: Kind, verb: str, *, namespace: str = "", name: str = "") -> bool:
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "metadata": {},
        "spec": {
            "resourceAttributes": {
                "group": kind.resource.group,
                "resource": kind.resource.plural,
                "subresource": kind.subresource,
                "verb": verb,
                "namespace": namespace,
                "name": name,
            }
        },
    }
    resource = Resource(
        "authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", namespaced=False
    )
    return bool((await insider.cluster.create(resource, review))["status"]["allowed"])


async def allowed_in(insider: Insider, namespace: str) -> set[tuple[str, str, str, str]]:
    """Everything that the authorizer allows there, for any name and for the name of its Lease and account."""
    slots = asyncio.Semaphore(32)

    async def ask(kind: Kind, verb: str) -> tuple[str, str, str, str] | None:
        async with slots:
            for name in ("", "policloud-site"):
                if await may(insider, kind, verb, namespace=namespace, name=name):
                    return str(kind.resource), kind.subresource, name, verb
        return None

    answers = await asyncio.gather(*(ask(kind, verb) for kind in insider.kinds for verb in VERBS))
    return {answer for answer in answers if answer is not None}


async def test_the_authorizer_allows_the_list_in_its_namespace_and_nothing_elsewhere(insider: Insider) -> None:
    assert len(insider.kinds) > 60
    assert await allowed_in(insider, insider.own) == ALLOWED | EVERYBODY
    assert await allowed_in(insider, insider.other) == EVERYBODY
    assert await allowed_in(insider, "") == EVERYBODY


async def test_it_is_nobody_else(insider: Insider) -> None:
    everyone = Kind(Resource("", "v1", "users", "User", namespaced=False), "")
    for name in ("system:admin", "policloud-hub"):
        assert not await may(insider, everyone, "impersonate", name=name)


async def test_real_requests_outside_its_namespace_are_refused(insider: Insider) -> None:
    reads = 0
    for kind in insider.kinds:
        if kind.subresource or str(kind.resource).endswith("reviews.authorization.k8s.io") or _only_created(kind):
            continue
        for namespace in (insider.other, "kube-system", None):
            await refused(insider.cluster.list(kind.resource, namespace if kind.resource.namespaced else None))
            await refused(insider.cluster.get(kind.resource, namespace if kind.resource.namespaced else None, "any"))
            reads += 2
    assert reads > 200
    for resource in (POLICLOUD_UNIT, WORK_OFFER, SITE_MEMBERSHIP, SECRET, LEASE, SERVICE_ACCOUNT):
        body = {
            "apiVersion": resource.api_version,
            "kind": resource.kind,
            "metadata": {"name": "mine", "namespace": insider.other},
        }
        await refused(insider.cluster.create(resource, body))
        await refused(insider.cluster.apply(resource, body, manager="site"))
        await refused(insider.cluster.delete(resource, insider.other, "mine"))
    await refused(insider.cluster.create_token(insider.own, "policloud-site", seconds=600, audiences=()))
    await refused(insider.cluster.create_token(insider.other, "policloud-site", seconds=600, audiences=()))


async def test_real_requests_in_its_namespace_stop_at_the_list(insider: Insider) -> None:
    cluster, hub, own = insider.cluster, insider.hub, insider.own
    site = own.removeprefix("site-")
    await cluster.list(WORK_OFFER, own)
    with pytest.raises(NotFoundError):
        await cluster.get(WORK_OFFER, own, "none")
    lease = await cluster.get(LEASE, own, "policloud-site")
    assert lease["metadata"]["name"] == "policloud-site"
    await refused(cluster.list(LEASE, own))
    await refused(cluster.delete(LEASE, own, "policloud-site"))
    await refused(cluster.get(SECRET, own, "policloud-join-code"))
    await refused(cluster.get(SITE_MEMBERSHIP, own, site))
    membership = await hub.membership(site)
    await refused(cluster.merge_patch(SITE_MEMBERSHIP, own, site, {"spec": {"attested": []}}))
    await refused(cluster.merge_patch(SITE_MEMBERSHIP, own, site, {"status": {}}, subresource="status"))
    await refused(cluster.replace(SITE_MEMBERSHIP, membership))
    offer = {"apiVersion": WORK_OFFER.api_version, "kind": "WorkOffer", "metadata": {"name": "x", "namespace": own}}
    await refused(cluster.create(WORK_OFFER, offer))
    await refused(cluster.merge_patch(WORK_OFFER, own, "x", {"spec": {"withdrawn": True}}))
    await refused(cluster.delete(WORK_OFFER, own, "x"))


def _only_created(kind: Kind) -> bool:
    """Kinds that can only be created, and the one that everybody may list."""
    return kind.resource.plural in {"bindings", "selfsubjectreviews", "tokenreviews", "clustertrustbundles"}


async def refused(call: Any) -> None:
    with pytest.raises(ApiError) as error:
        await call
    assert isinstance(error.value, RejectedError), error.value
    assert error.value.status == 403, error.value
