"""What our roles grant against what was asked for: audit logs of a run name the role that let each request in."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Body = Mapping[str, Any]
_REASON = re.compile(r' of (ClusterRole|Role) "([^"]+)" to ')
_CREATED = 201
_NEVER = frozenset({"*", "escalate", "impersonate", "deletecollection"})
_BY_NAME_ONLY = frozenset({("bind", "clusterroles"), ("bind", "roles"), ("create", "serviceaccounts/token")})
_READ_BY_LIST = frozenset({"list", "watch"})


@dataclass(frozen=True, order=True, slots=True)
class Grant:
    """`resource` with its subresource, as in `leases/status`; `name` is empty where every object may be meant."""

    kind: str
    role: str
    verb: str
    group: str
    resource: str
    name: str = ""

    def __str__(self) -> str:
        what = f"{self.resource}.{self.group}" if self.group else self.resource
        return f"{self.kind} {self.role}: {self.verb} {what}" + (f" named {self.name}" if self.name else "")


# (role, verb, resource) → why it is granted though no scenario's audit log shows it. The role "" is every role.
UNSEEN: Mapping[tuple[str, str, str], str] = {
    ("", "bind", "clusterroles"): "asked for by the API server itself when a RoleBinding is written, never a request",
    ("", "act", "operators"): "asked for by the admission policies; there is no such kind",
    ("", "update", "sovereignworkloads/finalizers"): "asked for by admission when a child names an owner it blocks",
    ("", "create", "subjectaccessreviews"): "only when Prometheus scrapes metrics with a token",
    ("", "patch", "events"): "an event that is told again becomes a series half a minute later",
    ("policloud-federated", "delete", "deployments"): "of a unit that somebody tore away with its finalizer",
    ("policloud-hub", "get", "sovereignworkloads"): "read afresh after a conflict with another writer",
    ("policloud-hub", "get", "workoffers"): "read afresh after a conflict with another writer",
    ("policloud-site-member", "get", "workoffers"): "read afresh after a conflict with another writer",
    ("policloud-site-operator", "delete", "configmaps"): "tombstones of the journal are kept for 90 days",
    ("", "create", "tokenreviews"): "only when Prometheus scrapes metrics with a token",
    ("", "watch", "virtualmachines"): "KubeVirt is not installed on the clusters of the scenarios",
    ("", "create", "virtualmachines"): "KubeVirt is not installed on the clusters of the scenarios",
    ("", "patch", "virtualmachines"): "KubeVirt is not installed on the clusters of the scenarios",
    ("", "delete", "virtualmachines"): "KubeVirt is not installed on the clusters of the scenarios",
}


def events(lines: Iterable[str]) -> Iterator[Body]:
    """Of an audit log that may still be written to: a last line without its end is left out."""
    for line in lines:
        if line.endswith("\n"):
            yield json.loads(line)


def granted(roles: Iterable[Body]) -> frozenset[Grant]:
    """Every right of these ClusterRoles and Roles, one by one."""
    found: set[Grant] = set()
    for role in roles:
        kind, name = role["kind"], role["metadata"]["name"]
        for rule in role["rules"]:
            each = itertools.product(
                rule["verbs"], rule["apiGroups"], rule["resources"], rule.get("resourceNames") or ("",)
            )
            found |= {Grant(kind, name, *one) for one in each}
    return frozenset(found)


def used(grants: frozenset[Grant], log: Iterable[Body]) -> frozenset[Grant]:
    """Those that the API server let a request in by. One with the object's name counts before one for every name."""
    found: set[Grant] = set()
    for event in log:
        for wanted in _asked(event):
            every = Grant(wanted.kind, wanted.role, wanted.verb, wanted.group, wanted.resource)
            found |= set(next(({g} for g in (wanted, every) if g in grants), ()))
    return frozenset(found)


def unused(roles: Iterable[Body], log: Iterable[Body]) -> list[Grant]:
    """Granted, not asked for in this run, and without a reason in UNSEEN."""
    grants = granted(roles)
    return sorted(g for g in grants - used(grants, log) if reason(g) is None)


def reason(grant: Grant) -> str | None:
    """Why it is granted though no request shows it."""
    of_all, of_one = (UNSEEN.get((role, grant.verb, grant.resource)) for role in ("", grant.role))
    return of_one or of_all


def stale(roles: Iterable[Body], log: Iterable[Body]) -> list[tuple[str, str, str]]:
    """Entries of UNSEEN that excuse nothing: not granted any more, or seen by now."""
    grants = granted(roles)
    left = grants - used(grants, log)
    excused = {key for g in left for key in (("", g.verb, g.resource), (g.role, g.verb, g.resource))}
    return sorted(set(UNSEEN) - excused)


def dangerous(roles: Iterable[Body]) -> list[Grant]:
    """What no role of ours may hold, whether it is used or not."""
    return sorted(g for g in granted(roles) if _is_dangerous(g))


def _is_dangerous(grant: Grant) -> bool:
    if grant.verb in _NEVER or "*" in (grant.group, grant.resource) or grant.resource.endswith("/*"):
        return True
    if grant.resource == "secrets" and grant.verb in _READ_BY_LIST:
        return True
    return not grant.name and (grant.verb, grant.resource) in _BY_NAME_ONLY


def _asked(event: Body) -> Iterator[Grant]:
    annotations, what = event.get("annotations") or {}, event.get("objectRef")
    role = _REASON.search(annotations.get("authorization.k8s.io/reason", ""))
    if what is None or role is None or annotations.get("authorization.k8s.io/decision") != "allow":
        return
    resource = what["resource"] + (f"/{what['subresource']}" if what.get("subresource") else "")
    where = (what.get("apiGroup", ""), resource, what.get("name", ""))
    yield Grant(*role.groups(), event["verb"], *where)
    if event["verb"] == "patch" and (event.get("responseStatus") or {}).get("code") == _CREATED:
        yield Grant(*role.groups(), "create", *where)  # an apply of what was not there asks for both
