"""The checks of `policloud doctor`: each returns findings, each finding says what to do."""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from policloud.api.names import SYSTEM_NAMESPACE
from policloud.api.resources import (
    CUSTOM_RESOURCE_DEFINITION,
    LEASE,
    OWN_KINDS,
    POLICLOUD_UNIT,
    SITE_MEMBERSHIP,
    SOVEREIGN_WORKLOAD,
    Resource,
)
from policloud.cli.common import Session
from policloud.cli.fleet import condition, is_published, key, name, spec, status
from policloud.cli.render.quantities import duration, parse_time
from policloud.cli.shipped import directory
from policloud.ports import Body, NotFoundError, RejectedError

ACCESS_REVIEW = Resource("authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview", False)  # noqa: FBT003
SELF_REVIEW = Resource("authentication.k8s.io", "v1", "selfsubjectreviews", "SelfSubjectReview", False)  # noqa: FBT003
LEADERS = ("policloud-hub", "policloud-site")
START = "start it: policloud hub (on a hub) or policloud site (on a site), with this kubeconfig; its log says more"
GRACE_SECONDS = 30.0
SKEW_WARN_SECONDS = 5.0
SKEW_FAIL_SECONDS = 30.0


class Level(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    check: str
    level: Level
    message: str
    fix: str = ""


async def api_server(session: Session) -> list[Finding]:
    begun = session.clock.monotonic()
    me = await session.cluster.create(SELF_REVIEW, review(SELF_REVIEW))
    milliseconds = (session.clock.monotonic() - begun) * 1000
    user = ((me.get("status") or {}).get("userInfo") or {}).get("username", "unknown")
    found = [Finding("API server", Level.OK, f"{session.server} answers in {milliseconds:.0f} ms, you are {user}")]
    server_time = parse_time((me.get("metadata") or {}).get("creationTimestamp"))
    if server_time is not None:
        found.append(clock_finding((session.clock.now() - server_time).total_seconds()))
    return found


def clock_finding(skew: float) -> Finding:
    """`skew`: our clock minus the server's, seconds; the server's time has whole seconds only."""
    size = abs(skew)
    level = Level.OK if size < SKEW_WARN_SECONDS else Level.WARN if size < SKEW_FAIL_SECONDS else Level.FAIL
    fix = "" if level is Level.OK else "let NTP or chrony set the clocks of this machine and of the API server"
    ahead = "ahead of" if skew > 0 else "behind"
    text = "within 5 s of the server's" if level is Level.OK else f"this clock is {duration(size)} {ahead} the server's"
    return Finding("Clock", level, text, fix)


async def definitions(session: Session) -> list[Finding]:
    import yaml  # noqa: PLC0415 - only here

    install = "kubectl apply --server-side -f crds/ (from the release that this policloud belongs to)"
    listed = {name(c): c for c in (await session.cluster.list(CUSTOM_RESOURCE_DEFINITION)).items}
    missing = [str(r) for r in OWN_KINDS if str(r) not in listed]
    if missing:
        return [Finding("CRDs", Level.FAIL, f"not installed: {', '.join(missing)}", install)]
    shipped = [yaml.safe_load(path.read_text()) for path in sorted(directory("crds").glob("*.yaml"))]
    other = [name(crd) for crd in shipped if name(crd) in listed and schemas(crd) != schemas(listed[name(crd)])]
    if other:
        return [
            Finding("CRDs", Level.FAIL, f"of another version than this policloud: {', '.join(other)}", install),
        ]
    return [Finding("CRDs", Level.OK, f"{len(OWN_KINDS)} kinds installed, same version as this policloud")]


def schemas(crd: Mapping[str, Any]) -> dict[str, Any]:
    """What must agree: the schema of every version. The rest (names, columns) may differ without harm."""
    return {str(v["name"]): v.get("schema") for v in spec(crd).get("versions") or ()}


async def operator(session: Session) -> list[Finding]:
    """A leading process renews a Lease; in any case a living one has looked at every object."""
    leases = (await session.cluster.list(LEASE, SYSTEM_NAMESPACE)).items
    found = [lease_finding(lease, session) for lease in leases if name(lease) in LEADERS]
    unseen: list[str] = []
    total = looked_at = 0
    for resource in (POLICLOUD_UNIT, SOVEREIGN_WORKLOAD, SITE_MEMBERSHIP):
        items = (await session.cluster.list(resource)).items
        total += len(items)
        looked_at += sum(observed(i) for i in items)
        unseen += [f"{resource.kind} {key(i)}" for i in items if not observed(i) and old(i, session)]
    if unseen:
        some = ", ".join(unseen[:3]) + (f" and {len(unseen) - 3} more" if len(unseen) > 3 else "")  # noqa: PLR2004
        text = f"{len(unseen)} of {total} objects are not looked at: {some}"
        found.append(Finding("Operator", Level.FAIL, text, START))
    elif looked_at and not found:
        # Objects too young to have been looked at prove nothing, neither way
        found.append(Finding("Operator", Level.OK, f"has looked at {looked_at} objects; it leads without a Lease"))
    elif not found:
        text = f"no Lease {' or '.join(LEADERS)} in namespace {SYSTEM_NAMESPACE}, and nothing that it has looked at"
        found.append(Finding("Operator", Level.FAIL, text, START))
    return found


def observed(body: Body) -> bool:
    return bool(status(body).get("observedGeneration") == body["metadata"].get("generation", 1))


def old(body: Body, session: Session) -> bool:
    """Old enough to have been looked at."""
    made = parse_time(body["metadata"].get("creationTimestamp"))
    return made is None or (session.clock.now() - made).total_seconds() > GRACE_SECONDS


def lease_finding(lease: Body, session: Session) -> Finding:
    renewed = parse_time(spec(lease).get("renewTime"))
    holder = spec(lease).get("holderIdentity") or "nobody"
    limit = float(spec(lease).get("leaseDurationSeconds") or 15)
    silent = (session.clock.now() - renewed).total_seconds() if renewed else None
    process = name(lease).replace("-", " ")
    if silent is not None and silent <= 2 * limit:
        return Finding("Operator", Level.OK, f"{process} runs as {holder}")
    since = "never renewed" if silent is None else f"silent for {duration(silent)}"
    return Finding(
        "Operator",
        Level.FAIL,
        f"{process} does not run: Lease {key(lease)} of {holder}, {since}",
        f"look at its log, then start it again: {process} --kubeconfig FILE",
    )


async def rights(session: Session) -> list[Finding]:
    """What `tree`, `why`, `top` and `plan` need; cluster-wide, since a fleet spans namespaces."""
    wanted = [(verb, r) for r in OWN_KINDS for verb in ("get", "list")]
    missing = [f"{verb} {resource}" for verb, resource in wanted if not await allowed(session, verb, resource)]
    if not missing:
        return [Finding("Rights", Level.OK, "you may read every kind of policloud.io in every namespace")]
    return [
        Finding(
            "Rights",
            Level.WARN,
            f"you may not: {', '.join(missing)}",
            "ask for a ClusterRole with get and list on *.policloud.io, or use -n NAMESPACE where you may read",
        )
    ]


async def allowed(session: Session, verb: str, resource: Resource) -> bool:
    asked = {"resourceAttributes": {"verb": verb, "group": resource.group, "resource": resource.plural}}
    answer = await session.cluster.create(ACCESS_REVIEW, {**review(ACCESS_REVIEW), "spec": asked})
    return bool((answer.get("status") or {}).get("allowed"))


def review(resource: Resource) -> Body:
    """A question that is asked by creating it; it has no name and is not kept."""
    return {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": {}}


async def sites(session: Session) -> list[Finding]:
    """On a hub: every accepted, unpaused membership is heard from."""
    try:
        memberships = (await session.cluster.list(SITE_MEMBERSHIP)).items
    except (NotFoundError, RejectedError):
        return []
    silent = [m for m in memberships if _expected(m) and condition(m, "Reachable")[0] != "True"]
    found = [
        Finding(
            "Sites",
            Level.WARN,
            f"{name(m)} is not heard from: {condition(m, 'Reachable')[1] or 'never seen'}, last seen "
            f"{status(m).get('lastSeen') or 'never'}",
            "on the site: does policloud site run and reach the hub? Its units' HubConnected says",
        )
        for m in silent
    ]
    expected = sum(_expected(m) for m in memberships)
    if expected and not silent:
        found.append(
            Finding(
                "Sites",
                Level.OK,
                "its one site is heard from" if expected == 1 else f"all {expected} sites are heard from",
            )
        )
    return found


def _expected(membership: Body) -> bool:
    return bool(spec(membership).get("accepted")) and not spec(membership).get("paused")


async def units(session: Session) -> list[Finding]:
    """Units of this cluster that are not Ready, with what their own conditions say."""
    try:
        listed = (await session.cluster.list(POLICLOUD_UNIT)).items
    except (NotFoundError, RejectedError):
        return []
    found = []
    for unit in listed:
        ready, reason, message = condition(unit, "Ready")
        if ready != "True":
            text = f"{name(unit)} is not ready: {reason or 'not looked at'}" + (f", {message}" if message else "")
            found.append(Finding("Units", Level.WARN, text, f"policloud tree unit/{name(unit)}"))
        connected, why, detail = condition(unit, "HubConnected")
        if connected == "False" and not is_published(unit):
            text = f"{name(unit)} has no line to its hub: {why}" + (f", {detail}" if detail else "")
            fix = "all work here goes on; check the URLs in the join file"
            found.append(Finding("Hub", Level.WARN, text, fix))
    if listed and not found:
        found.append(
            Finding(
                "Units", Level.OK, "its unit is ready" if len(listed) == 1 else f"all {len(listed)} units are ready"
            )
        )
    return found


async def tools(session: Session) -> list[Finding]:
    del session
    if shutil.which("kubectl") is None:
        return [
            Finding(
                "Tools",
                Level.WARN,
                "kubectl is not on the PATH",
                "install kubectl, or use the one that policloud local builds (policloud local up prints its path)",
            )
        ]
    return [Finding("Tools", Level.OK, "kubectl is on the PATH; kubectl policloud works where this policloud is")]


Check = Callable[[Session], Awaitable[list[Finding]]]
CHECKS: tuple[tuple[str, Check], ...] = (
    ("API server", api_server),
    ("CRDs", definitions),
    ("Operator", operator),
    ("Rights", rights),
    ("Sites", sites),
    ("Units", units),
    ("Tools", tools),
)
