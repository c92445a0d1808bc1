"""SiteMandate: what runs for hubs is looked at again whenever a mandate changes; the narrowed-out leave by notice."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from policloud.api import names
from policloud.api.offers import format_time, parse_time
from policloud.api.resources import SITE_MANDATE, SOVEREIGN_WORKLOAD
from policloud.domain.conditions import Condition, merge
from policloud.domain.federation.consent import Guest, by_mandate, narrowed
from policloud.domain.federation.held import Held
from policloud.domain.federation.offers import Demand, Grant
from policloud.domain.reasons import Reason
from policloud.ports import Body, ConflictError, NotFoundError
from policloud.reconcile.site.context import Site
from policloud.reconcile.site.federation import local_key
from policloud.reconcile.site.journal import Journal
from policloud.reconcile.site.mandated import mandates, request_of
from policloud.runtime.outcome import Done, Outcome, Retry
from policloud.runtime.store import Key

log = logging.getLogger(__name__)
REFUSED = str(Reason.REFUSED_BY_MANDATE)
_KIND = str(SITE_MANDATE)


class MandateReconciler:
    """Any key means all mandates: they are few, and one must admit work wholly. `wake(key)`: look at that offer."""

    def __init__(self, site: Site, journal: Journal, wake: Callable[[Key], None], *, notice_scale: float = 1.0) -> None:
        self._site = site
        self._journal = journal
        self._wake = wake
        self._scale = notice_scale

    async def reconcile(self, key: Key) -> Outcome:
        if key[0] != self._journal.namespace:
            return Done()
        guests = self._guests()
        total = sum(p.gpus for u in self._site.capacity.read().units.values() for p in u.pools)
        in_force = mandates(self._site.store, self._journal.namespace)
        notices = {n.id: n for n in narrowed(in_force, [g for g, _ in guests], total_gpus=total)}
        try:
            for guest, held in guests:
                await self._follow(held, notices.get(guest.id))
            await self._tell([g for g, _ in guests])
        except ConflictError as error:
            return Retry(error.message)
        return Done()

    async def _follow(self, held: Held, notice: Any) -> None:
        """Begin a drain, or call it off where the mandate admits the work again in time."""
        if notice is not None and held.drain_until is None:
            until = self._site.clock.now() + notice.notice * self._scale
            log.info("%s leaves by %s: %s", held.offer.offer_name, format_time(until), notice.message)
            await self._journal.save(replace(held, drain_until=until, drain_reason=REFUSED))
        elif notice is None and held.drain_until is not None and held.drain_reason == REFUSED:
            await self._journal.save(replace(held, drain_until=None, drain_reason=""))
        else:
            return
        self._wake((held.offer.offer_namespace, held.offer.offer_name))

    def _guests(self) -> list[tuple[Guest, Held]]:
        found = []
        for held in self._journal.all():
            local = self._site.store.get(str(SOVEREIGN_WORKLOAD), local_key(held))
            if not held.runs or local is None:
                continue
            spec, meta = local["spec"], local["metadata"]
            created = parse_time(meta.get("creationTimestamp"))
            grant = held.grant
            demand = Demand(grant.replicas, grant.gpus, max_watts=grant.watts)
            request = request_of(held.offer.hub, held.offer.workload.namespace, spec, demand)
            rank = (int(spec.get("priority", 500)), -created.timestamp() if created else 0.0)
            found.append((Guest(held.offer.offer_uid, request, grant, held.mandate, rank), held))
        return found

    async def _tell(self, guests: Iterable[Guest]) -> None:
        use = by_mandate(guests)
        for body in self._site.store.list(_KIND, self._journal.namespace):
            status = _status(body, use.get(body["metadata"]["name"], Grant()), self._now())
            if _same(body.get("status") or {}, status):
                continue
            meta = body["metadata"]
            wanted = {
                "apiVersion": SITE_MANDATE.api_version,
                "kind": SITE_MANDATE.kind,
                "metadata": {"name": meta["name"], "namespace": meta["namespace"]},
                "status": status,
            }
            try:
                await self._site.cluster.apply_status(SITE_MANDATE, wanted, manager=names.SITE_MANAGER)
            except NotFoundError:
                continue

    def _now(self) -> str:
        return format_time(self._site.clock.now())


def _status(body: Body, use: Grant, now: str) -> dict[str, Any]:
    meta = body["metadata"]
    generation = int(meta.get("generation") or 1)
    nobody = not (body.get("spec") or {}).get("tenants")
    message = "no tenant is listed: nothing is accepted under this mandate" if nobody else ""
    ready = Condition("Ready", "False" if nobody else "True", "NoTenants" if nobody else "InForce", message)
    told = [ready, Condition("Reconciling", "False", "UpToDate"), Condition("Stalled", "False", "Progressing")]
    old = (body.get("status") or {}).get("conditions") or ()
    return {
        "observedGeneration": generation,
        "conditions": merge(old, told, generation=generation, now=now),
        "gpus": use.gpus,
        "watts": use.watts,
        "workloads": use.replicas,
    }


def _same(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    return all(old.get(key) == value for key, value in new.items())
