"""Inviting a site: its namespace, its membership if there is none, and a one-time code that fits into a join file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from policloud.api.joinfile import HubInfo, JoinFile
from policloud.api.names import HUB_MANAGER, INVITED_ANNOTATION, SITE_NAMESPACE_PREFIX
from policloud.api.resources import NAMESPACE, SECRET, SITE_MEMBERSHIP
from policloud.domain.federation.identity import CODE_MAX_SECONDS, NAME_MAX, valid_name
from policloud.domain.federation.keys import fingerprint
from policloud.hub.info import read_hub_info
from policloud.ports import Body, Clock, Cluster, ConflictError, NotFoundError
from policloud.reconcile.hub.codes import CODE_SECRET, code_secret, new_code
from policloud.reconcile.hub.rights import site_labels

DEFAULT_TTL: Final = timedelta(seconds=CODE_MAX_SECONDS)


class InviteError(Exception):
    """The site cannot be invited; `message` says why, `fix` what to do."""

    def __init__(self, message: str, fix: str) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix


@dataclass(frozen=True, slots=True, repr=False)
class Invitation:
    """`created`: there was no membership and one was made, accepted and without attested facts."""

    file: JoinFile
    created: bool
    expires: str


async def invite(cluster: Cluster, clock: Clock, name: str, *, namespace: str, ttl: timedelta) -> Invitation:
    """Make a code for that site; an earlier one of its stops working. InviteError; ApiErrors pass.

    `namespace`: the hub's system namespace, where the running hub says where it is.
    """
    _check(name, ttl)
    info = await _hub(cluster, namespace)
    await _namespace(cluster, name)
    created = await _membership(cluster, name)
    code, expires = new_code(), clock.now() + ttl
    await _store(cluster, code_secret(name, code, expires))
    until = expires.isoformat(timespec="seconds").replace("+00:00", "Z")
    patch = {"metadata": {"annotations": {INVITED_ANNOTATION: until}}}  # wakes the hub, which reads no Secret unasked
    await cluster.merge_patch(SITE_MEMBERSHIP, SITE_NAMESPACE_PREFIX + name, name, patch)
    return Invitation(JoinFile(info, name, code), created, expires.isoformat(timespec="minutes"))


def _check(name: str, ttl: timedelta) -> None:
    if len(name) > NAME_MAX:
        raise InviteError(
            f"the site's name has {len(name)} characters; at most {NAME_MAX} fit into its namespace site-NAME",
            "choose a shorter name",
        )
    if not valid_name(name):
        raise InviteError(
            f"{name!r} cannot be a site's name",
            "use lower-case letters, digits and dashes, beginning and ending with a letter or digit",
        )
    if not timedelta(0) < ttl <= DEFAULT_TTL:
        raise InviteError(f"a code cannot live {ttl}", "give --ttl more than 0 and at most 24h")


async def _hub(cluster: Cluster, namespace: str) -> HubInfo:
    info = await read_hub_info(cluster, namespace)
    if info is None:
        raise InviteError(
            f"no hub has said where it is: ConfigMap {namespace}/policloud-hub is missing",
            "start the hub with --identity-tls-cert and --identity-tls-key, or name its namespace with --namespace",
        )
    return info


async def _namespace(cluster: Cluster, name: str) -> None:
    body = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": SITE_NAMESPACE_PREFIX + name, "labels": site_labels(name)},
    }
    await cluster.apply(NAMESPACE, body, manager=HUB_MANAGER)


async def _membership(cluster: Cluster, name: str) -> bool:
    body: Body = {
        "apiVersion": SITE_MEMBERSHIP.api_version,
        "kind": SITE_MEMBERSHIP.kind,
        "metadata": {"name": name, "namespace": SITE_NAMESPACE_PREFIX + name},
        "spec": {"accepted": True, "paused": False},
    }
    try:
        membership = await cluster.get(SITE_MEMBERSHIP, SITE_NAMESPACE_PREFIX + name, name)
    except NotFoundError as error:
        if error.missing_kind:
            raise InviteError("this cluster does not know SiteMembership", "apply the CRDs first") from error
        await cluster.create(SITE_MEMBERSHIP, body)
        return True
    _check_open(membership, name)
    return False


def _check_open(membership: Body, name: str) -> None:
    where = f"-n {SITE_NAMESPACE_PREFIX}{name} patch sitemembership {name} --type merge -p"
    if not membership["spec"].get("accepted", False):
        raise InviteError(
            f"SiteMembership {name} has accepted: false",
            f"""kubectl {where} '{{"spec":{{"accepted":true}}}}', then invite again""",
        )
    if key := membership["spec"].get("publicKey"):
        raise InviteError(
            f"{name} has joined already, with key {fingerprint(key)}",
            "a site that only lost its connection needs no invitation. If it was rebuilt and has a new key: "
            f"""kubectl {where} '{{"spec":{{"publicKey":null}}}}', then invite again""",
        )


async def _store(cluster: Cluster, secret: Body) -> None:
    for _ in range(3):
        try:
            await cluster.create(SECRET, secret)
        except ConflictError:
            try:
                old = await cluster.get(SECRET, secret["metadata"]["namespace"], CODE_SECRET)
                version = old["metadata"]["resourceVersion"]
                await cluster.replace(
                    SECRET, {**secret, "metadata": {**secret["metadata"], "resourceVersion": version}}
                )
            except (ConflictError, NotFoundError):
                continue  # used or replaced in between
        return
    raise InviteError("somebody else is inviting this site at the same time", "try again")
