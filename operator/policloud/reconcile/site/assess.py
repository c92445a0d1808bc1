"""Gathers what an answer depends on: the unit, the law, the mandates, room, and the site's own dry run."""

from __future__ import annotations

from datetime import UTC

from policloud.api import names
from policloud.api.convert import facts_on_site, rules_of
from policloud.domain.federation.answers import Findings
from policloud.domain.federation.held import Held
from policloud.domain.federation.mandate import admit
from policloud.domain.federation.offers import Offer
from policloud.domain.placement.capacity import Request, UnitCapacity
from policloud.domain.placement.model import PoolView
from policloud.domain.sovereignty.evaluate import evaluate
from policloud.ports import NotFoundError, RejectedError
from policloud.reconcile.site.admission import not_served, refusal
from policloud.reconcile.site.carryout import trial
from policloud.reconcile.site.children import probe
from policloud.reconcile.site.federation import Federation, federated_namespace
from policloud.reconcile.site.holdings import UnitState
from policloud.reconcile.site.mandated import mandates, request_of, use_of, zone_of
from policloud.reconcile.site.specs import WorkloadSpec
from policloud.reconcile.site.templates import TemplateConflictError, check


def assess(federation: Federation, offer: Offer, held: Held | None, records: list[Held]) -> Findings:
    """Call it under the site's lock: what it finds free must still be free when the answer is stored."""
    site = federation.site
    key = (federated_namespace(offer.hub, offer.workload.namespace), offer.name)
    capacity = site.capacity.read(without={key})
    state = capacity.units.get(offer.unit)
    if state is None:
        return Findings(unit_known=False)
    workload = trial(offer, key[0])
    if (breach := _breach(federation, workload, state)) is not None:
        return Findings(breach=breach)
    others = [r for r in records if held is None or r.offer.offer_uid != held.offer.offer_uid]
    total = sum(p.gpus for u in capacity.units.values() for p in u.pools)
    request = request_of(offer.hub, offer.workload.namespace, offer.content, offer.demand)
    admission = admit(
        mandates(site.store, federation.journal.namespace),
        request,
        use_of(site.store, others, total_gpus=total),
        now=site.clock.now(),
        zone=zone_of(state.spec.body),
    )
    room = _capacity(state).room(_request(workload))
    if state.power is None:
        return Findings(admission=admission, room_by_gpus=room.by_gpus, measured="power is not known yet")
    free = sum(sum(p.free_by_node.values()) for p in state.pools)
    return Findings(
        unit_leaving=state.spec.deleting,
        admission=admission,
        room_by_gpus=room.by_gpus,
        room=room.replicas,
        measured=f"free: {free} GPUs, {max(0, state.free_watts)} W",
    )


async def dry_run(federation: Federation, offer: Offer) -> tuple[str, str] | None:
    """Reason and message if the template is not acceptable here. The tenant's namespace must exist."""
    workload = trial(offer, federated_namespace(offer.hub, offer.workload.namespace))
    state = federation.site.capacity.read().units.get(offer.unit)
    try:
        check(workload)
    except TemplateConflictError as error:
        return "TemplateConflict", str(error)
    if state is None:
        return None
    child = probe(workload, state.spec)
    child.body["metadata"].pop("ownerReferences", None)  # the owner is not there yet
    try:
        await federation.restricted(workload).apply(
            child.resource, child.body, manager=names.SITE_MANAGER, dry_run=True
        )
    except RejectedError as error:
        stall = refusal(child.resource.kind, error)
        return str(stall.reason), stall.message
    except NotFoundError as error:
        if not error.missing_kind:
            raise
        stall = not_served(child.resource.kind, child.resource.group)
        return str(stall.reason), stall.message
    return None


def _breach(federation: Federation, workload: WorkloadSpec, state: UnitState) -> tuple[str, str] | None:
    today = federation.site.clock.now().astimezone(UTC).date()
    verdict = evaluate(rules_of(workload.body["spec"]), facts_on_site(state.spec.body), today=today)
    if verdict.lawful:
        return None
    first = verdict.breaches[0]
    return str(first.reason), f"{first.measured}; required: {first.required}"[:256]


def _capacity(state: UnitState) -> UnitCapacity:
    pools = (
        PoolView(
            p.spec.name,
            p.spec.product,
            p.spec.memory_gib,
            p.spec.per_node,
            tuple(sorted(p.free_by_node.values(), reverse=True)),
            p.gpus,
            p.spec.gpu_max_watts,
            p.spec.confidential,
        )
        for p in state.pools
    )
    return UnitCapacity(pools, state.free_watts)


def _request(workload: WorkloadSpec) -> Request:
    return Request(workload.gpus_per_replica, workload.products, workload.memory_gib, workload.confidential_required)
