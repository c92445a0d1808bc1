"""Compares what a site echoes with what this hub ever sent it: the sign of a hub restored from a backup."""

from __future__ import annotations

import logging

from policloud.api.names import SITE_NAMESPACE_PREFIX
from policloud.api.resources import LEASE, WORK_OFFER
from policloud.domain.federation.epoch import HubStanding, echo_of, judge_hub
from policloud.ports import Body, Cluster, NotFoundError
from policloud.reconcile.hub.sites import SITE_LEASE, Sites
from policloud.reconcile.hub.term import HubTerm
from policloud.runtime.store import Store

log = logging.getLogger(__name__)

_INDEX = "namespace"


class EchoCheck:
    """A suspicion from the store is verified with fresh reads before it counts; until then nothing is placed."""

    def __init__(self, cluster: Cluster, store: Store, sites: Sites, term: HubTerm) -> None:
        self._cluster = cluster
        self._store = store
        self._sites = sites
        self._term = term
        store.add_index(str(WORK_OFFER), _INDEX, lambda body: (body["metadata"].get("namespace") or "",))

    def heard(self, site: str) -> None:
        """A site has echoed: doubt it if that is ahead of what the store knows. Cheap, from memory."""
        if self._term.epoch and self._suspicious(site) and site not in self._sites.restored:
            self._sites.doubted.add(site)

    def _suspicious(self, site: str) -> bool:
        offers = self._store.by_index(str(WORK_OFFER), _INDEX, SITE_NAMESPACE_PREFIX + site)
        own = highest_sequence(offers)
        return judge_hub(self._sites.echo(site), own_epoch=self._term.epoch, own_sequence=own) is HubStanding.RESTORED

    async def check(self, site: str) -> None:
        """Put the site into or out of `sites.restored`. ApiErrors pass."""
        if not self._term.epoch:
            await self._term.load()
        if self._suspicious(site):
            await self._verify(site)
        else:
            self._sites.restored.discard(site)
        self._sites.doubted.discard(site)

    async def _verify(self, site: str) -> None:
        namespace = SITE_NAMESPACE_PREFIX + site
        try:
            lease = await self._cluster.get(LEASE, namespace, SITE_LEASE)  # first the echo, then what it speaks of
        except NotFoundError:
            return
        offers = (await self._cluster.list(WORK_OFFER, namespace)).items
        echo = echo_of(lease["metadata"].get("annotations"))
        standing = judge_hub(echo, own_epoch=self._term.epoch, own_sequence=highest_sequence(offers))
        if standing is HubStanding.CONSISTENT:
            self._sites.restored.discard(site)
        elif site not in self._sites.restored:
            log.error("%s echoes a later hub than this one: restored from a backup? The hub only reads", site)
            self._sites.restored.add(site)


def highest_sequence(offers: list[Body]) -> int:
    return max((int((offer.get("spec") or {}).get("sequence") or 0) for offer in offers), default=0)
