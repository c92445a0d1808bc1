"""How a site stands with its hub, in words that its owner can act on (condition HubConnected)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from policloud.domain.conditions import Condition


class LinkReason(StrEnum):
    """Reasons of HubConnected. Adding is fine, renaming is not."""

    CONNECTED = "LeaseRenewed"
    STAND_ALONE = "StandAlone"  # no join file was ever given: complete without a hub
    CONNECTING = "Connecting"
    AWAITING_PREDECESSOR = "AwaitingPredecessor"
    HUB_UNREACHABLE = "HubUnreachable"
    HUB_FAILING = "HubFailing"  # it answers, with 5xx or 429
    HUB_UNTRUSTED = "HubCertificateUntrusted"
    JOIN_REFUSED = "JoinRefused"
    JOIN_FILE_INVALID = "JoinFileInvalid"
    JOIN_FILE_CONFLICT = "JoinFileConflict"  # names another hub or membership than the one joined
    CREDENTIAL_REFUSED = "CredentialRefused"  # the hub does not know this site's key
    REVOKED = "Revoked"  # it knows the key and no longer accepts the site
    RIGHTS_MISSING = "RightsMissing"  # it accepts the site, its API server refuses what a site needs
    KEY_UNREADABLE = "KeyUnreadable"
    KEY_LOST = "KeyLost"  # the Secret went, a new key was made, and the hub trusts the old one
    SITE_RESTORED = "SiteRestored"
    DUPLICATE_IDENTITY = "DuplicateIdentity"


@dataclass(frozen=True, slots=True)
class LinkState:
    """`connected`: offers are followed and answered. `restored`: only what runs goes on, nothing new is started."""

    reason: LinkReason = LinkReason.CONNECTING
    message: str = ""
    hub_id: str = ""
    membership: str = ""
    connected: bool = False
    restored: bool = False
    last_contact: datetime | None = None  # of the last transition; not a heartbeat

    def condition(self) -> Condition:
        """HubConnected for the status of the site's units."""
        return Condition("HubConnected", "True" if self.connected else "False", self.reason.value, self.message)
