"""Whether a cluster has what this release needs: its version, our CRDs, the process's rights. Asked, never assumed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from policloud import __version__
from policloud.api.compatibility import CRD_VERSION, OLDEST_KUBERNETES, crd_version, kubernetes_version
from policloud.api.resources import (
    CUSTOM_RESOURCE_DEFINITION,
    ENERGY_SOURCE,
    POLICLOUD_UNIT,
    SELF_SUBJECT_ACCESS_REVIEW,
    SITE_MANDATE,
    SITE_MEMBERSHIP,
    SOVEREIGN_WORKLOAD,
    VERSION,
    WORK_OFFER,
    Resource,
)
from policloud.api.rights import ROLE_NAMES, Right, Role, rights_of
from policloud.domain.conditions import find
from policloud.ports import Body, NotFoundError, RejectedError

_AT_ONCE: Final = 8
_NAMED: Final = 5  # missing rights told by name in one message; the first ones lead to the rest


class Requirement(StrEnum):
    """Also the label of the metric. Adding is fine, renaming is not."""

    KUBERNETES = "Kubernetes version"
    DEFINITIONS = "CRDs"
    PERMISSIONS = "permissions"


@dataclass(frozen=True, slots=True)
class Unmet:
    """What is missing, and what to do about it."""

    requirement: Requirement
    message: str
    fix: str

    def __str__(self) -> str:
        return f"{self.message}; {self.fix}"


class Asked(Protocol):
    """The part of an API server's client that is needed to ask."""

    async def version(self) -> str: ...

    async def get(self, resource: Resource, namespace: str | None, name: str) -> Body: ...

    async def create(self, resource: Resource, body: Body, *, dry_run: bool = False) -> Body: ...


@dataclass(frozen=True, slots=True)
class Needs:
    """Of one process: the kinds it works with, and `rights` (policloud.api.rights)."""

    role: Role
    kinds: tuple[Resource, ...]
    rights: tuple[Right, ...]


KINDS: Final[Mapping[Role, tuple[Resource, ...]]] = {
    "hub": (SOVEREIGN_WORKLOAD, WORK_OFFER, SITE_MEMBERSHIP, POLICLOUD_UNIT),
    "site": (POLICLOUD_UNIT, ENERGY_SOURCE, SOVEREIGN_WORKLOAD, SITE_MANDATE),
}


def needs_of(role: Role, namespace: str) -> Needs:
    """Of the process `role` in its system namespace."""
    return Needs(role, KINDS[role], rights_of(role, namespace))


async def unmet_foundations(cluster: Asked, needs: Needs) -> list[Unmet]:
    """What no work may begin without: a known API, and CRDs that keep every field. ApiErrors of a server away pass."""
    return [*await _kubernetes(cluster), *await _definitions(cluster, needs.kinds)]


async def unmet_rights(cluster: Asked, needs: Needs) -> list[Unmet]:
    """At most one, naming the rights that are missing. ApiErrors of a server away pass."""
    gate = asyncio.Semaphore(_AT_ONCE)

    async def allowed(right: Right) -> bool:
        async with gate:
            return await _allowed(cluster, right)

    answers = await asyncio.gather(*map(allowed, needs.rights))
    missing = [right for right, granted in zip(needs.rights, answers, strict=True) if not granted]
    if not missing:
        return []
    named = ", ".join(map(str, missing[:_NAMED]))
    more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
    fix = (
        f"give it the ClusterRole and Role {ROLE_NAMES[needs.role]} of release {__version__}: "
        f"helm upgrade policloud-{needs.role}, or apply manifests/{needs.role}-rbac.yaml"
    )
    return [Unmet(Requirement.PERMISSIONS, f"missing {len(missing)} of {len(needs.rights)}: {named}{more}", fix)]


async def _allowed(cluster: Asked, right: Right) -> bool:
    question: Body = {
        "apiVersion": SELF_SUBJECT_ACCESS_REVIEW.api_version,
        "kind": SELF_SUBJECT_ACCESS_REVIEW.kind,
        "metadata": {},
        "spec": {"resourceAttributes": right.attributes()},
    }
    answer = await cluster.create(SELF_SUBJECT_ACCESS_REVIEW, question)
    return bool((answer.get("status") or {}).get("allowed"))


async def _kubernetes(cluster: Asked) -> list[Unmet]:
    told = await cluster.version()
    found = kubernetes_version(told)
    if found is not None and found >= OLDEST_KUBERNETES:
        return []
    oldest = ".".join(map(str, OLDEST_KUBERNETES))
    return [
        Unmet(
            Requirement.KUBERNETES,
            f"this cluster runs Kubernetes {told}, policloud {__version__} needs {oldest} or later",
            "upgrade the cluster, or install a release of policloud that still knows it",
        )
    ]


async def _definitions(cluster: Asked, kinds: Sequence[Resource]) -> list[Unmet]:
    fix = (
        f"apply the CRDs of release {__version__}: helm upgrade with crds.enabled=true, or "
        "kubectl apply --server-side -f crds/"
    )
    problems = []
    for resource in kinds:
        try:
            definition = await cluster.get(CUSTOM_RESOURCE_DEFINITION, None, str(resource))
        except NotFoundError:
            problems.append(f"{resource} is not installed")
        except RejectedError as error:
            problems.append(f"{resource} may not be looked at ({error.message})")
        else:
            problems += _faults(definition)
    return [Unmet(Requirement.DEFINITIONS, "; ".join(problems), fix)] if problems else []


def _faults(definition: Body) -> Iterator[str]:
    name, version = definition["metadata"]["name"], crd_version(definition)
    if version < CRD_VERSION:
        told = f"is of version {version}" if version else "carries no version"
        yield f"{name} {told}, policloud {__version__} needs {CRD_VERSION}"
    if not any(v["name"] == VERSION and v["served"] for v in definition["spec"]["versions"]):
        yield f"{name} does not serve {VERSION}"
    established = find((definition.get("status") or {}).get("conditions") or (), "Established")
    if established is None or not established.is_true:
        yield f"{name} is not served yet ({established.message if established else 'not looked at by the API server'})"
