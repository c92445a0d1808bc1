"""The hub's one view of its sites: what their memberships say, and how they are heard."""

from __future__ import annotations

from dataclasses import dataclass, replace

from policloud.api.names import SITE_NAMESPACE_PREFIX
from policloud.api.resources import POLICLOUD_UNIT, SITE_MEMBERSHIP
from policloud.domain.conditions import find
from policloud.domain.federation.epoch import Echo, echo_of
from policloud.domain.federation.liveness import Assessment, Heard, LivenessSettings, Reach, assess, next_change
from policloud.domain.federation.membership import MembershipState, membership_state
from policloud.ports import Body, Clock
from policloud.runtime.store import Store, version_of

SITE_LEASE = "policloud-site"


@dataclass(frozen=True, slots=True)
class _Seen:
    version: int
    mark: tuple[str, str]
    echo: Echo


class Sites:
    """Memberships from the store, renewals as the hub notices them; asked by planner, offers and membership.

    All methods are cheap and synchronous. `heard` is called for every event of a site's Lease; `resumed` after any
    time in which the hub could not see, `confirmed_quiet` after a fresh read of a silent site's Lease (`sweep`).
    """

    def __init__(self, store: Store, clock: Clock, settings: LivenessSettings) -> None:
        self._store = store
        self._clock = clock
        self.settings = settings
        self._since = clock.monotonic()
        self._heard: dict[str, Heard] = {}
        self._seen: dict[str, _Seen] = {}
        self._assessed: tuple[float, Assessment] | None = None
        self.restored: set[str] = set()  # sites that have seen a later hub than this one: it only reads
        self.doubted: set[str] = set()  # … that seem to have: to be verified before anything is placed

    def heard(self, lease: Body) -> str | None:
        """Note a site's Lease; returns the site's name if it was renewed since last seen.

        Holder and renewTime are compared as opaque marks, never read as times; the first sight of a Lease after
        the hub's start proves nothing, only a change does.
        """
        site = site_of(lease["metadata"].get("namespace") or "")
        version = version_of(lease) or 0
        before = self._seen.get(site or "")
        if site is None or lease["metadata"]["name"] != SITE_LEASE or (before and version <= before.version):
            return None
        spec = lease.get("spec") or {}
        mark = (str(spec.get("holderIdentity") or ""), str(spec.get("renewTime") or ""))
        self._seen[site] = _Seen(version, mark, echo_of(lease["metadata"].get("annotations")))
        if before is None or before.mark == mark or not mark[1]:
            return None
        self._heard[site] = replace(self._heard.get(site, Heard()), last=self._clock.monotonic())
        self._assessed = None
        return site

    def echo(self, site: str) -> Echo:
        """What the site echoed last, as far as the hub has seen."""
        seen = self._seen.get(site)
        return seen.echo if seen else Echo()

    def confirmed_quiet(self, site: str, asked_at: float) -> None:
        """A read of the Lease sent at `asked_at` (monotonic) showed no renewal: until then the site was silent."""
        self._heard[site] = replace(self._heard.get(site, Heard()), confirmed=asked_at)
        self._assessed = None

    def silent(self) -> list[str]:
        """Sites not heard for two renewals or more: to be looked at."""
        limit = self._clock.monotonic() - 2 * self.settings.renew
        return [site for site, heard in self._observed().items() if (heard.last or self._since) <= limit]

    def resumed(self) -> None:
        """The hub sees again after a gap: every wait starts anew, and sites reachable before are awaited."""
        before = self.assessment().reach
        self._since = self._clock.monotonic()
        for site, heard in self._heard.items():
            awaited = before.get(site) is Reach.REACHABLE or heard.seen_before
            self._heard[site] = replace(heard, seen_before=awaited, confirmed=None)
        self._assessed = None

    def news(self, site: str) -> bool:
        """Whether a renewal changes what the site's membership says; true for one in thousands."""
        if site in self.doubted:
            return True
        status = (self._membership(site) or {}).get("status") or {}
        reachable = find(status.get("conditions") or [], "Reachable")
        return reachable is None or not reachable.is_true

    def units(self, site: str) -> int:
        """How many units the site publishes on this hub."""
        units = self._store.list(str(POLICLOUD_UNIT), SITE_NAMESPACE_PREFIX + site)
        return sum(1 for unit in units if (unit.get("spec") or {}).get("published"))

    def units_changed(self, namespace: str) -> bool:
        """Whether a membership there counts other units than there are."""
        site = site_of(namespace)
        membership = self._membership(site) if site else None
        return bool(site and membership and (membership.get("status") or {}).get("units", 0) != self.units(site))

    def last_heard(self, site: str) -> float | None:
        """Seconds since the site was heard; None if not since the hub started."""
        heard = self._heard.get(site)
        return None if heard is None or heard.last is None else self._clock.monotonic() - heard.last

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
        """False while the hub awaits its sites' echoes after a start, or was restored (or may have been).

        A hub that suspects itself still places new work where it hears somebody; it moves nothing.
        """
        return not self.assessment().holding and not self.restored and not self.doubted

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
