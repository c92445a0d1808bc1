"""An accepted offer as a local SovereignWorkload, in a namespace made for that hub's tenant and nobody else."""

from __future__ import annotations

import json
from typing import Any

from policloud.api import names
from policloud.api.resources import NAMESPACE, NETWORK_POLICY, ROLE_BINDING, SOVEREIGN_WORKLOAD
from policloud.domain.federation.content import Wanted
from policloud.domain.federation.held import Held
from policloud.domain.federation.offers import Grant, Offer
from policloud.ports import Body, ConflictError, NotFoundError
from policloud.reconcile.site.context import Site
from policloud.reconcile.site.federation import federated_namespace, local_key
from policloud.reconcile.site.specs import WorkloadSpec, workload_spec

TENANT_LABEL = f"{names.PREFIX}/tenant"
FEDERATED_ROLE = FEDERATED_ACCOUNT = "policloud-federated"
_KIND = str(SOVEREIGN_WORKLOAD)


class CarryOut:
    """Writes local objects of federated work, by server-side apply: the same twice changes nothing."""

    def __init__(self, site: Site, system_namespace: str) -> None:
        self._site = site
        self._system = system_namespace

    async def prepare(self, hub: str, tenant: str) -> str:
        """The tenant's namespace, made if it is not there, with what limits it. Returns its name."""
        name = federated_namespace(hub, tenant)
        existing = self._site.store.get(str(NAMESPACE), ("", name))
        if existing is None:
            try:
                existing = await self._site.cluster.get(NAMESPACE, None, name)
            except NotFoundError:
                existing = None
        if existing is not None and (existing["metadata"].get("labels") or {}).get(names.FEDERATED_LABEL) == "true":
            return name
        cluster = self._site.cluster
        # Last the label that makes it ours: until then nothing is put there, and all of this is done again
        for resource, body in _limits(name, self._system):
            if existing is None:
                await self._create_namespace(name)
                existing = body
            await cluster.apply(resource, body, manager=names.SITE_MANAGER)
        await cluster.apply(NAMESPACE, _namespace(name, hub, tenant), manager=names.SITE_MANAGER)
        return name

    async def apply(self, offer: Offer, held: Held) -> Body:
        """The local object as the held record wants it: content, granted replicas, and who it is for."""
        await self.prepare(held.offer.hub, held.offer.workload.namespace)
        body = local_body(offer, held)
        return await self._site.cluster.apply(SOVEREIGN_WORKLOAD, body, manager=names.SITE_MANAGER)

    async def resize(self, held: Held, replicas: int) -> None:
        """Only the number of replicas of what runs; the rest of an edit follows once it is acknowledged."""
        namespace, name = local_key(held)
        local = await self.fresh(held)
        if local is None:
            return
        spec = local.get("spec") or {}
        block, field = ("batch", "parallelism") if spec.get("class") == "Batch" else ("inference", "replicas")
        if block not in spec or spec[block].get(field) == replicas:
            return
        change: dict[str, Any] = {field: replicas}
        if spec[block].get("minReplicas", 0) > replicas:
            change["minReplicas"] = replicas
        patch = {"metadata": {"resourceVersion": local["metadata"]["resourceVersion"]}, "spec": {block: change}}
        await self._site.cluster.merge_patch(SOVEREIGN_WORKLOAD, namespace, name, patch, manager=names.SITE_MANAGER)

    def current(self, held: Held) -> Body | None:
        return self._site.store.get(_KIND, local_key(held))

    async def fresh(self, held: Held) -> Body | None:
        """Asked of the API server: only its 404 says that the object is gone."""
        namespace, name = local_key(held)
        try:
            return await self._site.cluster.get(SOVEREIGN_WORKLOAD, namespace, name)
        except NotFoundError as error:
            if error.missing_kind:
                raise
            return None

    async def delete(self, held: Held, body: Body) -> None:
        namespace, name = local_key(held)
        try:
            await self._site.cluster.delete(SOVEREIGN_WORKLOAD, namespace, name, uid=body["metadata"]["uid"])
        except (NotFoundError, ConflictError):
            return

    async def _create_namespace(self, name: str) -> None:
        try:
            await self._site.cluster.create(
                NAMESPACE, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
            )
        except ConflictError as error:
            if not error.already_exists:
                raise


def local_body(offer: Offer, held: Held) -> Body:
    """The SovereignWorkload to apply. Its annotation is what it needs to live without the hub."""
    namespace, name = local_key(held)
    carried = {
        "offer": held.offer.offer_name,
        "offerNamespace": held.offer.offer_namespace,
        "uid": held.offer.offer_uid,
        "unit": held.offer.unit,
        "acceptance": held.acceptance,
        "sequence": held.sequence,
        "revision": held.revision,
        "epoch": held.epoch,
        "hub": held.offer.hub,
        "workload": {
            "namespace": held.offer.workload.namespace,
            "name": held.offer.workload.name,
            "uid": held.offer.workload.uid,
        },
    }
    return {
        "apiVersion": SOVEREIGN_WORKLOAD.api_version,
        "kind": SOVEREIGN_WORKLOAD.kind,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {
                names.FEDERATED_LABEL: "true",
                names.HUB_LABEL: held.offer.hub,
                names.UNIT_LABEL: held.offer.unit,
                TENANT_LABEL: held.offer.workload.namespace[:63],
            },
            "annotations": {names.OFFER_ANNOTATION: json.dumps(carried, separators=(",", ":"), sort_keys=True)},
        },
        "spec": granted_content(offer, held.grant),
    }


def granted_content(offer: Offer, grant: Grant) -> dict[str, Any]:
    """The content with the granted replicas; the hub asks with the share's own numbers already."""
    content = dict(offer.content)
    block = {"Inference": "inference", "Batch": "batch"}.get(str(content.get("class", "")))
    if block is not None and isinstance(content.get(block), dict):
        field = "replicas" if block == "inference" else "parallelism"
        content[block] = {**content[block], field: grant.replicas}
    return content


def trial(offer: Offer, namespace: str) -> WorkloadSpec:
    """The offer as the workload it would become, to be judged before anything is promised."""
    return workload_spec(
        {
            "metadata": {"name": offer.name, "namespace": namespace, "uid": offer.uid, "generation": 1},
            "spec": granted_content(offer, offer.demand.grant),
        }
    )


def classification_of(offer: Offer) -> str:
    """Class of data; work that states none counts as Internal."""
    data = (offer.content.get("sovereignty") or {}).get("data") or {}
    return str(data.get("classification", "Internal"))


def notice_seconds(offer_content: Any, default: float) -> float:
    """The notice that the work states for itself, else the default."""
    wanted = Wanted(ref=None, spec=offer_content)  # type: ignore[arg-type]
    law = wanted.spec.get("sovereignty") or {}
    checkpoint = wanted.block.get("checkpoint") or {}
    stated = law.get("drainNoticeSeconds", checkpoint.get("noticeSeconds"))
    return default if stated is None else float(stated)


def _namespace(name: str, hub: str, tenant: str) -> Body:
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {
            "name": name,
            "labels": {
                names.FEDERATED_LABEL: "true",
                names.HUB_LABEL: hub,
                TENANT_LABEL: tenant[:63],
                names.MANAGED_BY_LABEL: names.MANAGED_BY,
                "pod-security.kubernetes.io/enforce": "baseline",
                "pod-security.kubernetes.io/warn": "restricted",
            },
        },
    }


def _limits(namespace: str, system: str) -> list[tuple[Any, Body]]:
    """What stands in such a namespace before any work: whose hands may write, and nobody else's traffic in."""
    binding = {
        "apiVersion": ROLE_BINDING.api_version,
        "kind": ROLE_BINDING.kind,
        "metadata": {"name": FEDERATED_ROLE, "namespace": namespace},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": FEDERATED_ROLE},
        "subjects": [{"kind": "ServiceAccount", "name": FEDERATED_ACCOUNT, "namespace": system}],
    }
    policy = {
        "apiVersion": NETWORK_POLICY.api_version,
        "kind": NETWORK_POLICY.kind,
        "metadata": {"name": "policloud-only-within", "namespace": namespace},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"from": [{"podSelector": {}}]}]},
    }
    return [(ROLE_BINDING, binding), (NETWORK_POLICY, policy)]
