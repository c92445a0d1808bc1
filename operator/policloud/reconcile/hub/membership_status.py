"""What a SiteMembership's status says, from how the site stands."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from policloud.api.names import INVITED_ANNOTATION
from policloud.domain.conditions import Condition, find
from policloud.domain.federation.epoch import Echo
from policloud.domain.federation.keys import fingerprint
from policloud.domain.federation.liveness import Reach
from policloud.domain.federation.membership import KEY_REMOVED, MembershipState
from policloud.ports import Body


def invited_until(body: Body) -> datetime | None:
    """When the newest invitation expires; None if there was none, or nobody can tell."""
    text = (body["metadata"].get("annotations") or {}).get(INVITED_ANNOTATION, "")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def conditions_of(state: MembershipState, body: Body, *, restored: bool, now: datetime) -> tuple[Condition, ...]:
    """All conditions of a membership, Ready first."""
    existing = (body.get("status") or {}).get("conditions") or []
    accepted, joined = _accepted(state), _joined(state, invited_until(body), now)
    reachable = _reachable(state, find(existing, "Reachable"))
    consistent = _consistent(state, restored=restored)
    ready = _ready(state, (accepted, joined, reachable, consistent))
    working = Condition("Reconciling", "False", "Observed", "")
    return (ready, accepted, joined, reachable, consistent, working, Condition("Stalled", "False", "NotStalled", ""))


def status_of(
    existing: Mapping[str, Any],
    conditions: list[dict[str, object]],
    echo: Echo,
    *,
    now: datetime,
    seen: str | None,
    units: int,
) -> dict[str, Any]:
    """The status to write. Echoed numbers are as of this write: they follow transitions, not every Lease."""
    joined_at = existing.get("joinedAt")
    joined = find(conditions, "Joined")
    if joined is not None and joined.is_true and not joined_at:
        joined_at = rfc3339(now)
    echoed = {"epoch": echo.epoch, "sequence": echo.sequence, "counter": echo.counter} if echo != Echo() else {}
    given = {"lastSeen": seen, "joinedAt": joined_at, "units": units, **echoed}
    return {"conditions": conditions, **{name: value for name, value in given.items() if value is not None}}


def last_seen(
    existing: Mapping[str, Any], conditions: list[dict[str, object]], now: datetime, heard_ago: float | None
) -> str | None:
    """When the site was last heard, by the hub's wall clock; moved only when Reachable changes."""
    before, after = find(existing.get("conditions") or [], "Reachable"), find(conditions, "Reachable")
    changed = before is None or after is None or before.status != after.status
    if changed and heard_ago is not None:
        return rfc3339(now - timedelta(seconds=heard_ago))
    return existing.get("lastSeen")


def rfc3339(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _accepted(state: MembershipState) -> Condition:
    if state.accepted:
        return Condition("Accepted", "True", "Accepted", "")
    return Condition(
        "Accepted",
        "False",
        "NotAccepted",
        "spec.accepted is false: no token is given, no offer made; open offers are withdrawn, what runs is the site's",
    )


def _joined(state: MembershipState, invited: datetime | None, now: datetime) -> Condition:
    if state.joined:
        return Condition("Joined", "True", "KeyPinned", f"key {fingerprint(state.public_key)}")
    again = f"policloud hub invite {state.site}"
    open_ = invited is not None and now < invited
    if state.was_joined:
        then = f"an invitation is open until {rfc3339(invited)}" if invited and open_ else f"invite it anew: {again}"
        return Condition("Joined", "False", KEY_REMOVED, f"spec.publicKey was removed: the site has no access; {then}")
    if invited is None:
        return Condition("Joined", "False", "NotJoined", f"invite the site: {again}")
    if open_:
        text = f"an invitation is open until {rfc3339(invited)}; the site has not used it yet"
        return Condition("Joined", "False", "Invited", text)
    text = f"the invitation expired unused at {rfc3339(invited)}; invite the site anew: {again}"
    return Condition("Joined", "False", "InvitationExpired", text)


def _reachable(state: MembershipState, before: Condition | None) -> Condition:
    if not state.joined or not state.accepted:
        return Condition("Reachable", "Unknown", "NoAccess", "the site has no access, so it is not expected to call")
    if state.paused:
        return Condition("Reachable", "Unknown", "Paused", "a paused site is not judged")
    if state.reach is Reach.REACHABLE:
        return Condition("Reachable", "True", "LeaseRenewed", "")
    if state.reach is Reach.UNREACHABLE:
        return Condition("Reachable", "False", "LeaseNotRenewed", "no new offers; what runs there goes on")
    if before is not None and before.reason in ("LeaseRenewed", "LeaseNotRenewed"):
        return before  # the hub has just started: nothing is known that would contradict it
    return Condition("Reachable", "Unknown", "NotSeenYet", "the site has not renewed its Lease yet")


def _consistent(state: MembershipState, *, restored: bool) -> Condition:
    if not restored:
        return Condition("EchoConsistent", "True", "EchoConsistent", "")
    return Condition(
        "EchoConsistent",
        "False",
        "HubRestored",
        f"{state.site} has seen later offers than this hub ever made: the hub was restored from a backup, or is not "
        "the one that site knows. It only reads until that is settled",
    )


def _ready(state: MembershipState, parts: tuple[Condition, ...]) -> Condition:
    if state.paused:
        return Condition("Ready", "False", "Paused", "spec.paused is true: nothing new is offered, what runs goes on")
    for part in parts:
        if not part.is_true:
            return Condition("Ready", part.status, part.reason, part.message)
    return Condition("Ready", "True", "Ready", "")
