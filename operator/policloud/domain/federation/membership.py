"""What the hub may do with one site, from its SiteMembership and from how it is heard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from policloud.domain.federation.liveness import Reach

KEY_REMOVED: Final = "KeyRemoved"


@dataclass(frozen=True, slots=True)
class MembershipState:
    """One site as the planner and the offers see it. `exists=False`: no membership, so no trust at all."""

    site: str
    exists: bool = False
    accepted: bool = False
    paused: bool = False
    joined: bool = False  # a public key is pinned
    public_key: str = ""
    reach: Reach = Reach.UNKNOWN
    moves_allowed: bool = False  # its mobility-Free work may be placed elsewhere
    was_joined: bool = False  # status says that a key was pinned once

    @property
    def revoked(self) -> bool:
        """Trust was taken away: no token, its open offers are withdrawn and their content blanked.

        A membership that does not exist is not revoked: absence is never an order.
        """
        return self.exists and (not self.accepted or (not self.joined and self.was_joined))

    @property
    def offers_allowed(self) -> bool:
        """Whether anything new may be offered to this site now."""
        trusted = self.exists and self.accepted and self.joined and not self.paused
        return trusted and self.reach is Reach.REACHABLE


def membership_state(
    site: str, body: Mapping[str, Any] | None, reach: Reach, *, moves_allowed: bool
) -> MembershipState:
    """`body`: the SiteMembership as read from the hub's API server, None if there is none."""
    if body is None:
        return MembershipState(site)
    spec = body.get("spec") or {}
    key = str(spec.get("publicKey") or "")
    return MembershipState(
        site=site,
        exists=True,
        accepted=bool(spec.get("accepted", False)),
        paused=bool(spec.get("paused", False)),
        joined=bool(key),
        public_key=key,
        reach=reach,
        moves_allowed=moves_allowed,
        was_joined=_was_joined(body),
    )


def _was_joined(body: Mapping[str, Any]) -> bool:
    """Joined is True, or False for a reason that only a site which had joined can have."""
    for condition in (body.get("status") or {}).get("conditions") or []:
        if condition.get("type") == "Joined":
            return bool(condition.get("status") == "True" or condition.get("reason") == KEY_REMOVED)
    return False
