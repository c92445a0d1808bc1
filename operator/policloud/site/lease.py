"""The site's Lease on the hub: the sign that it lives, the echo of what it knows, and the test that it is alone."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from dataclasses import dataclass

from policloud.api.resources import LEASE
from policloud.domain.federation.epoch import Echo, LeaseView, SiteStanding, echo_of, judge_site
from policloud.domain.federation.link import LinkReason
from policloud.domain.federation.liveness import LivenessSettings
from policloud.ports import Body, Clock, Cluster, ConflictError
from policloud.site.fault import LinkFaultError

SITE_LEASE = "policloud-site"
_PATIENCE_RENEWALS = 1.5  # a holder that lets so many pass is taken for dead


@dataclass(slots=True)
class _Sight:
    mark: str
    holder: str
    since: float
    renewed_by_other: bool = False


class LeaseKeeper:
    """Lives as long as the process, over all connections: what it saw of another holder must not be forgotten.

    `instance`: this process, new at each start, so that a copy of this site never looks like itself.
    """

    def __init__(self, clock: Clock, settings: LivenessSettings, *, instance: str, echo: Callable[[], Echo]) -> None:
        self._clock = clock
        self._settings = settings
        self._instance = instance
        self._echo = echo
        self._sight: _Sight | None = None
        self._rng = random.Random()  # noqa: S311 - spreads renewals, guards nothing

    @property
    def patience(self) -> float:
        """Seconds after which a silent holder is taken for dead: longer once it was seen alive beside us."""
        if self._sight is not None and self._sight.renewed_by_other:
            return self._settings.unreachable
        return _PATIENCE_RENEWALS * self._settings.renew

    def next_renewal(self) -> float:
        """Seconds until the next one, spread by a tenth so that a thousand sites do not call at once."""
        return self._settings.renew * (0.9 + 0.1 * self._rng.random())

    async def look(self, cluster: Cluster, namespace: str) -> tuple[SiteStanding, Body]:
        """Read the Lease and judge whether it may be taken. ApiErrors pass."""
        lease = await cluster.get(LEASE, namespace, SITE_LEASE)
        return self._judge(lease), lease

    async def renew(self, cluster: Cluster, lease: Body) -> Body:
        """Write it under the version that was read: ConflictError if anybody wrote since. ApiErrors pass."""
        body = copy.deepcopy(lease)
        body["metadata"].setdefault("annotations", {}).update(self._echo().annotations())
        body["spec"] = {
            **(body.get("spec") or {}),
            "holderIdentity": self._instance,
            "renewTime": self._clock.now().isoformat(timespec="microseconds").replace("+00:00", "Z"),
        }
        renewed = await cluster.replace(LEASE, body)
        self._note(renewed)
        return renewed

    async def renew_or_find_out(self, cluster: Cluster, namespace: str, lease: Body) -> Body:
        """Renew; after a conflict read who wrote. LinkFaultError DUPLICATE_IDENTITY if it was another holder."""
        try:
            return await self.renew(cluster, lease)
        except ConflictError:
            standing, lease = await self.look(cluster, namespace)
            if standing is SiteStanding.MINE:  # the hub wrote (a mark, a label), not another holder
                return await self.renew(cluster, lease)
            raise duplicate(namespace) from None

    async def release(self, cluster: Cluster, lease: Body) -> None:
        """On a clean stop: whoever starts next need not wait. ApiErrors pass."""
        body = copy.deepcopy(lease)
        body["spec"] = {k: v for k, v in (body.get("spec") or {}).items() if k != "holderIdentity"}
        await cluster.replace(LEASE, body)

    def _judge(self, lease: Body) -> SiteStanding:
        sight = self._note(lease)
        view = LeaseView(
            holder=sight.holder,
            echo=echo_of(lease["metadata"].get("annotations")),
            unchanged_for=self._clock.monotonic() - sight.since,
            renewed_by_other=sight.renewed_by_other,
        )
        return judge_site(view, instance=self._instance, own_counter=self._echo().counter, patience=self.patience)

    def _note(self, lease: Body) -> _Sight:
        spec = lease.get("spec") or {}
        holder = str(spec.get("holderIdentity") or "")
        mark = f"{holder} {spec.get('renewTime')}"
        before = self._sight
        if before is not None and before.mark == mark:
            return before
        other = before is not None and holder not in ("", self._instance)
        self._sight = _Sight(mark, holder, self._clock.monotonic(), renewed_by_other=other)
        return self._sight


def duplicate(namespace: str) -> LinkFaultError:
    return LinkFaultError(
        LinkReason.DUPLICATE_IDENTITY,
        f"another process renews the Lease of {namespace} with this site's key: a copy of this site, or a second "
        "operator. Stop one of them; until then this one neither follows nor answers offers, and keeps what runs",
    )


def restored() -> LinkFaultError:
    return LinkFaultError(
        LinkReason.SITE_RESTORED,
        "the hub has seen later answers than this site remembers: it was restored from a backup. What runs is kept, "
        "nothing new is started; restore the later records, or have the platform team look at what is held here and "
        "then remove the annotation policloud.io/counter from the site's Lease on the hub",
    )
