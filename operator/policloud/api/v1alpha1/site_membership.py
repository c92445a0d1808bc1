"""SiteMembership: a hub's trust in one site, and how it is reached."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AwareDatetime, Field

from policloud.api.v1alpha1.common import (
    ApiModel,
    ApiObject,
    Count,
    Counter,
    ObjectName,
    PublicKey,
    StatusModel,
)
from policloud.api.v1alpha1.facts import Certifications, Exposures, LegalEntity, Location, Ownership
from policloud.api.v1alpha1.schema import Column, KindInfo, MapOf, Persisted, Rule


class AttestedUnit(ApiModel):
    """What the platform team vouches for. A fact that is missing is unknown, and fails every rule on it."""

    unit: ObjectName
    """PolicloudUnit of the site."""
    location: Location | None = None
    """Where it stands."""
    operator: LegalEntity | None = None
    """Who runs it."""
    ownership: Ownership | None = None
    """Who owns it, dated: the last entry that has begun holds."""
    certifications: Certifications | None = None
    """What it is certified for."""
    exposures: Exposures | None = None
    """Laws of third countries that reach its operator. [] means none."""
    encrypted_at_rest: bool | None = None
    """Its storage is encrypted at rest. Default: as the site publishes."""
    network_policy: Literal["Enforced", "None"] | None = None
    """Whether its network plugin enforces NetworkPolicies. Default: as the site publishes."""


class SiteMembershipSpec(ApiModel):
    """Trust in one site."""

    rules: ClassVar = (
        Rule(
            "!has(self.publicKey) || !has(oldSelf.publicKey) || self.publicKey == oldSelf.publicKey"
            " || !(self.accepted && oldSelf.accepted)",
            "`publicKey` must not be replaced while `accepted` is true; set accepted to false first",
            "'publicKey must not be replaced while accepted is ' + string(self.accepted)"
            " + '; set accepted to false first'",
            ".publicKey",
        ),
    )

    accepted: Annotated[bool, Persisted()] = False
    """The site may join and stay. False takes away its access within 15 s. Default false."""
    paused: Annotated[bool, Persisted()] = False
    """Nothing new is offered; what runs goes on. Default false."""
    public_key: PublicKey | None = None
    """Pinned at the join: ed25519: and 32 bytes in base64. Kept in Git, it survives the hub."""
    attested: Annotated[tuple[AttestedUnit, ...], Field(max_length=32), MapOf(("unit",))] = ()
    """Facts by unit. A unit without an entry gets no offers."""


class SiteMembershipStatus(StatusModel):
    """How the site is reached."""

    last_seen: AwareDatetime | None = None
    """Last renewal of its Lease that the hub saw."""
    joined_at: AwareDatetime | None = None
    """When it joined."""
    epoch: Counter | None = None
    """Epoch that the site echoed last."""
    sequence: Counter | None = None
    """Highest sequence that the site echoed."""
    counter: Counter | None = None
    """The site's own counter, as last seen."""
    units: Count | None = None
    """Units that it publishes."""


class SiteMembership(ApiObject):
    """A hub's trust in one site: accepted, pinned key, attested facts. Applied by the platform team."""

    info: ClassVar = KindInfo(
        short_name="smb",
        conditions=("Ready", "Accepted", "Joined", "Reachable", "EchoConsistent", "Reconciling", "Stalled"),
        selectable=(".spec.accepted", ".spec.paused"),
        columns=(
            Column("Ready", '.status.conditions[?(@.type=="Ready")].status'),
            Column("Reason", '.status.conditions[?(@.type=="Ready")].reason'),
            Column("Reachable", '.status.conditions[?(@.type=="Reachable")].status'),
            Column("Accepted", ".spec.accepted", "boolean"),
            Column("Paused", ".spec.paused", "boolean"),
            Column("Units", ".status.units", "integer"),
            Column("Last seen", ".status.lastSeen", "date"),
            Column("Message", '.status.conditions[?(@.type=="Ready")].message', wide=True),
            Column("Age", ".metadata.creationTimestamp", "date"),
        ),
    )

    root_rules: ClassVar = (
        Rule(
            "size(self.metadata.name) <= 58 && !self.metadata.name.contains('.')",
            "metadata.name must have at most 58 characters and no dot: its namespace is site-NAME",
            "'metadata.name must have at most 58 characters and no dot, as its namespace is site-NAME, and is '"
            " + self.metadata.name",
        ),
    )
    kind: Literal["SiteMembership"] = "SiteMembership"
    spec: SiteMembershipSpec
    status: SiteMembershipStatus = Field(default_factory=SiteMembershipStatus)
