"""Why the line to the hub is down, told apart so that the owner knows whose move it is."""

from __future__ import annotations

import ssl

from policloud.domain.federation.link import LinkReason
from policloud.ports import (
    ApiError,
    NotFoundError,
    RejectedError,
    TransientError,
    UnauthenticatedError,
)


class LinkFaultError(TransientError):
    """No line to the hub, for `reason`. `message` says what to do and holds no credential."""

    def __init__(self, reason: LinkReason, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message, retry_after=retry_after)
        self.reason = reason


def fault_of(error: ApiError, hub: str) -> LinkFaultError:
    """What an error of the hub's API server means for the line. `hub`: its ID, for the message."""
    if isinstance(error, LinkFaultError):
        return error
    if untrusted(error):
        return untrusted_fault(hub)
    if isinstance(error, UnauthenticatedError):
        return LinkFaultError(
            LinkReason.CREDENTIAL_REFUSED, f"hub {hub} refuses the token it gave; a new one is asked for"
        )
    if isinstance(error, RejectedError | NotFoundError):
        return LinkFaultError(
            LinkReason.RIGHTS_MISSING,
            f"hub {hub} accepts this site but refuses what a site needs ({error.message}); the platform team looks at "
            "the site's namespace on the hub: RoleBinding and Lease policloud-site",
        )
    if isinstance(error, TransientError) and error.status is not None:
        return LinkFaultError(
            LinkReason.HUB_FAILING, f"hub {hub} answers with errors: {error.message}", retry_after=error.retry_after
        )
    return unreachable_fault(hub, error.message)


def key_lost(hub: str, membership: str, *, secret: str, old: str, new: str) -> LinkFaultError:
    """`secret`: namespace/name; `old`, `new`: fingerprints of the key the hub trusts and of this site's key."""
    return LinkFaultError(
        LinkReason.KEY_LOST,
        f"Secret {secret} was lost and a new key made ({new}), but hub {hub} trusts the old one ({old}). What runs "
        "goes on. Restore the Secret from a backup; or have the platform team remove spec.publicKey of SiteMembership "
        f"{membership}, invite the site again, and give it the new join file",
    )


def unreachable_fault(hub: str, detail: str) -> LinkFaultError:
    return LinkFaultError(
        LinkReason.HUB_UNREACHABLE, f"hub {hub} cannot be reached; everything here goes on without it ({detail})"
    )


def untrusted_fault(hub: str) -> LinkFaultError:
    return LinkFaultError(
        LinkReason.HUB_UNTRUSTED,
        f"what answers in place of hub {hub} has a certificate that the join file's CA did not sign. If the hub's CA "
        "was changed, get a new join file from the platform team; if not, somebody is in between",
    )


def untrusted(error: BaseException | None) -> bool:
    """Whether a certificate that is not trusted is somewhere at the bottom of it."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        os_error = getattr(error, "certificate_error", None) or getattr(error, "os_error", None)
        if isinstance(os_error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False
