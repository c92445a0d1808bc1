"""The hub's one view of its sites: what their memberships say, and how they are heard."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from policloud.api.names import SITE_NAMESPACE_PREFIX
from policloud.api.resources import SITE_MEMBERSHIP
from policloud.domain.conditions import find
from policloud.domain.federation.liveness import Assessment, Heard, LivenessSettings, Reach, assess, next_change
from policloud.domain.federation.membership import MembershipState, membership_state
from policloud.ports import Body, Clock
from policloud.runtime.store import Store

SITE_LEASE = "policloud-site"


class Sites:
    """Memberships from the store, renewals as the hub notices them; asked by planner, offers and membership.

    All methods are cheap and synchronous. `heard` is called for every event of a site's Lease, `resumed` after
    any time in which the hub could not see (see `LivenessSweep`).
    """

    def __init__(self, store: Store, clock: Clock, settings: LivenessSettings) -> None:
        self._store = store
        self._clock = clock
        self.settings = settings
        self._since = clock.monotonic()
        self._heard: dict[str, Heard] = {}
        self._renewals: dict[str, tuple[str, str]] = {}
        self._assessed: tuple[float, Assessment] | None = None
        self.listeners: list[Callable[[str], None]] = []  # called with a site's name when its reach has changed

    def heard(self, lease: Body) -> str | None:
        """Note a site's Lease as seen now; returns the site's name if it was renewed since last seen.

        Holder and renewTime are compared as opaque marks, never read as times; the first sight of a Lease after
        the hub's start proves nothing, only a change does.
        """
        site = site_of(lease["metadata"].get("namespace", ""))
        if site is None or lease["metadata"].get("name") != SITE_LEASE:
            return None
        spec = lease.get("spec") or {}
        mark = (str(spec.get("holderIdentity") or ""), str(spec.get("renewTime") or ""))
        before = self._renewals.get(site)
        self._renewals[site] = mark
        if before is None or before == mark or not mark[1]:
            return None
        known = self._heard.get(site, Heard())
        self._heard[site] = replace(known, last=self._clock.monotonic())
        self._assessed = None
        return site

    def resumed(self) -> None:
        """The hub sees again after a gap: every wait starts anew, and sites reachable before are awaited."""
        before = self.assessment().reach
        self._since = self._clock.monotonic()
        for site, heard in self._heard.items():
            self._heard[site] = replace(heard, seen_before=before.get(site) is Reach.REACHABLE)
        self._assessed = None

    def assessment(self) -> Assessment:
        """All joined, accepted, unpaused sites as of now (kept for a sixtieth of a renewal: many ask at once)."""
        now = self._clock.monotonic()
        if self._assessed is None or now - self._assessed[0] > self.settings.renew / 60:
            self._assessed = (now, assess(self._observed(), since=self._since, now=now, settings=self.settings))
        return self._assessed[1]

    def state(self, site: str) -> MembershipState:
        """What may be done with this site now."""
        body = self._membership(site)
        judged = self.assessment()
        reach = judged.reach.get(site, Reach.UNKNOWN)
        return membership_state(site, body, reach, moves_allowed=site in judged.moves_allowed)

    def names(self) -> list[str]:
        """Sites that have a membership in their own namespace, in order."""
        names = (site_of(str(m["metadata"].get("namespace", ""))) for m in self._store.list(str(SITE_MEMBERSHIP)))
        return sorted({name for name in names if name is not None and self._membership(name) is not None})

    def next_change(self) -> float:
        """Seconds until time alone may change a verdict."""
        now = self._clock.monotonic()
        return next_change(self._observed(), since=self._since, now=now, settings=self.settings)

    @property
    def placing_allowed(self) -> bool:
        """False while the hub has just started and waits for its sites' echoes, or suspects itself."""
        judged = self.assessment()
        return not judged.holding and not judged.suspects_itself

    def _observed(self) -> dict[str, Heard]:
        observed: dict[str, Heard] = {}
        for site in self.names():
            body = self._membership(site)
            state = membership_state(site, body, Reach.UNKNOWN, moves_allowed=False)
            if state.accepted and state.joined and not state.paused and body is not None:
                observed[site] = self._heard.setdefault(site, _as_recorded(body))
        return observed

    def _membership(self, site: str) -> Body | None:
        return self._store.get(str(SITE_MEMBERSHIP), (SITE_NAMESPACE_PREFIX + site, site))


def site_of(namespace: str) -> str | None:
    """The site that a namespace of the hub belongs to, None for any other namespace."""
    if not namespace.startswith(SITE_NAMESPACE_PREFIX):
        return None
    return namespace.removeprefix(SITE_NAMESPACE_PREFIX) or None


def _as_recorded(membership: Body) -> Heard:
    """What an earlier run of the hub wrote down: kept through restarts, so that old losses are no new ones."""
    reachable = find((membership.get("status") or {}).get("conditions") or [], "Reachable")
    if reachable is None:
        return Heard()
    return Heard(lost_before=reachable.status == "False", seen_before=reachable.is_true)
