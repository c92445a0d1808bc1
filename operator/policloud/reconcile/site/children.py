"""The objects that carry out a SovereignWorkload on its units, as bodies to apply. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from policloud.api import names, resources
from policloud.api.resources import Resource
from policloud.ports import Body
from policloud.reconcile.site.placements import Placement
from policloud.reconcile.site.specs import BATCH, INFERENCE, UnitSpec, WorkloadSpec
from policloud.reconcile.site.templates import (
    cut,
    pod_labels,
    pod_template,
    template_hash,
    workload_label,
)
from policloud.reconcile.site.vm import virtual_machine
from policloud.runtime.store import Key

COMPLETED_BEFORE = f"{names.PREFIX}/completed-before"  # on a Job: completions that earlier Jobs of it had
OWNED_KINDS: tuple[Resource, ...] = (
    resources.DEPLOYMENT,
    resources.JOB,
    resources.SERVICE,
    resources.NETWORK_POLICY,
    resources.VIRTUAL_MACHINE,
)
_NAME_MAX = 52


@dataclass(frozen=True, slots=True)
class Child:
    """One object to apply. `once`: only created, never changed by us afterwards (claims hold data)."""

    resource: Resource
    body: Body
    once: bool = False

    @property
    def key(self) -> Key:
        return self.body["metadata"]["namespace"], self.body["metadata"]["name"]


def children(
    workload: WorkloadSpec, placed: Sequence[Placement], units: Mapping[str, UnitSpec], *, done: int = 0
) -> list[Child]:
    """Everything that should exist now; a placement with no replicas keeps its object, stopped.

    `done`: completions of a batch that earlier Jobs had. Units that are not known any more get nothing.
    """
    known = [p for p in placed if p.unit in units]
    if not known:
        return []
    found: list[Child] = [*_claims(workload, units[known[0].unit])]
    if workload.egress_denied:
        found.append(_egress(workload))
    if workload.kind == INFERENCE and workload.block.get("port"):
        found.append(_service(workload))
    found += [_main(workload, p, units[p.unit], done) for p in known]
    return found


def probe(workload: WorkloadSpec, unit: UnitSpec) -> Child:
    """The main child with nothing running: what the dry run judges before anything is granted."""
    return _main(workload, Placement("", unit.name, 0), unit, 0)


def _main(workload: WorkloadSpec, placement: Placement, unit: UnitSpec, done: int) -> Child:
    if workload.kind == INFERENCE:
        return Child(resources.DEPLOYMENT, _deployment(workload, placement, unit))
    if workload.kind == BATCH:
        return Child(resources.JOB, _job(workload, placement, unit, done))
    meta = metadata(workload, child_name(workload, unit.name), pod_labels(workload, unit.name))
    body = virtual_machine(workload, meta, placement, unit, claim_names(workload))
    return Child(resources.VIRTUAL_MACHINE, body)


def child_name(workload: WorkloadSpec, unit: str) -> str:
    return cut(f"{workload.key[1]}-{unit}", _NAME_MAX)


def job_name(workload: WorkloadSpec, unit: str) -> str:
    return f"{cut(f'{workload.key[1]}-{unit}', _NAME_MAX)}-{template_hash(workload)}"


def metadata(workload: WorkloadSpec, name: str, labels: Mapping[str, str], *, owned: bool = True) -> dict[str, Any]:
    meta: dict[str, Any] = {"namespace": workload.key[0], "name": name, "labels": dict(labels)}
    if owned:
        meta["ownerReferences"] = [
            {
                "apiVersion": resources.API_VERSION,
                "kind": resources.SOVEREIGN_WORKLOAD.kind,
                "name": workload.key[1],
                "uid": workload.uid,
                "controller": True,
                "blockOwnerDeletion": True,
            }
        ]
    return meta


def selector(workload: WorkloadSpec) -> dict[str, str]:
    """Labels that all its pods share, and nobody else's."""
    return {names.WORKLOAD_LABEL: workload_label(workload.key[1])}


def claim_names(workload: WorkloadSpec) -> dict[str, str]:
    """Volume name -> name of its PersistentVolumeClaim."""
    return {v["name"]: cut(f"{workload.key[1]}-{v['name']}", 253) for v in workload.body["spec"].get("storage") or ()}


def _envelope(resource: Resource, meta: Mapping[str, Any], **rest: Any) -> Body:
    return {"apiVersion": resource.api_version, "kind": resource.kind, "metadata": dict(meta), **rest}


def _pods(workload: WorkloadSpec, unit: UnitSpec) -> dict[str, Any]:
    products = sorted({p.product for p in unit.accepts(workload)})
    return pod_template(workload, unit=unit.name, products=products, volumes=claim_names(workload))


def _deployment(workload: WorkloadSpec, placement: Placement, unit: UnitSpec) -> Body:
    labels = pod_labels(workload, unit.name)
    return _envelope(
        resources.DEPLOYMENT,
        metadata(workload, child_name(workload, unit.name), labels),
        spec={
            "replicas": placement.replicas,
            "selector": {"matchLabels": {**selector(workload), names.UNIT_LABEL: unit.name}},
            # Never more pods than granted: a surge would draw watts that nobody counted.
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}},
            "template": _pods(workload, unit),
        },
    )


def _job(workload: WorkloadSpec, placement: Placement, unit: UnitSpec, done: int) -> Body:
    completions = max(1, (workload.completions or 1) - done)
    meta = metadata(workload, job_name(workload, unit.name), pod_labels(workload, unit.name))
    meta["annotations"] = {COMPLETED_BEFORE: str(done)}
    spec: Body = {
        "completions": completions,
        "parallelism": max(1, placement.replicas),
        "suspend": placement.replicas == 0,
        # A replacement only once its predecessor is gone: otherwise two pods would draw for one that was granted.
        "podReplacementPolicy": "Failed",
        "template": _pods(workload, unit),
    }
    if (limit := workload.block.get("backoffLimit")) is not None:
        spec["backoffLimit"] = int(limit)
    return _envelope(resources.JOB, meta, spec=spec)


def _service(workload: WorkloadSpec) -> Child:
    port = int(workload.block["port"])
    return Child(
        resources.SERVICE,
        _envelope(
            resources.SERVICE,
            metadata(workload, workload.key[1], selector(workload)),
            spec={
                "selector": selector(workload),
                "ports": [{"name": "main", "port": port, "targetPort": port, "protocol": "TCP"}],
            },
        ),
    )


def _egress(workload: WorkloadSpec) -> Child:
    """Out of its pods only to its own namespace and to the cluster's DNS."""
    dns = {
        "to": [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "kube-system"}}}],
        "ports": [{"protocol": "UDP", "port": 53}, {"protocol": "TCP", "port": 53}],
    }
    return Child(
        resources.NETWORK_POLICY,
        _envelope(
            resources.NETWORK_POLICY,
            metadata(workload, cut(f"{workload.key[1]}-egress", 253), selector(workload)),
            spec={
                "podSelector": {"matchLabels": selector(workload)},
                "policyTypes": ["Egress"],
                "egress": [{"to": [{"podSelector": {}}]}, dns],
            },
        ),
    )


def _claims(workload: WorkloadSpec, unit: UnitSpec) -> list[Child]:
    """One claim a volume. They have no owner: deleting a workload keeps its data (see docs/explanation/site.md)."""
    many = workload.replicas > 1 and workload.kind != "VirtualMachine"
    claims = []
    for volume in workload.body["spec"].get("storage") or ():
        spec: Body = {
            "accessModes": ["ReadWriteMany" if many else "ReadWriteOnce"],
            "resources": {"requests": {"storage": f"{volume['sizeGiB']}Gi"}},
        }
        if (name := storage_class(workload, volume, unit)) is not None:
            spec["storageClassName"] = name
        meta = metadata(workload, claim_names(workload)[volume["name"]], selector(workload), owned=False)
        body = _envelope(resources.PERSISTENT_VOLUME_CLAIM, meta, spec=spec)
        claims.append(Child(resources.PERSISTENT_VOLUME_CLAIM, body, once=True))
    return claims


def storage_class(workload: WorkloadSpec, volume: Mapping[str, Any], unit: UnitSpec) -> str | None:
    """The class asked for; else the unit's first that meets the encryption rule; else the cluster's default."""
    if volume.get("class"):
        return str(volume["class"])
    data = (workload.body["spec"].get("sovereignty") or {}).get("data") or {}
    encrypted = volume.get("encryptedAtRest", data.get("encryptedAtRest", False))
    fitting = (s for s in unit.storage if not encrypted or s.get("encryptedAtRest"))
    chosen = next(fitting, None)
    return None if chosen is None else str(chosen["class"])
