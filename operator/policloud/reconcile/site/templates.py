"""A tenant's pod template becomes ours: GPUs injected, bound to the unit's nodes. Pure."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from policloud.api import names
from policloud.reconcile.site.specs import BATCH, WorkloadSpec, pod_gpus

Template = dict[str, Any]
_LABEL_MAX = 63


class TemplateConflictError(Exception):
    """The template contradicts the workload's own fields; the message says which values and what to do."""


def check(workload: WorkloadSpec) -> None:
    """TemplateConflictError if the template cannot be reconciled with `gpu` and `storage`."""
    if workload.kind == "VirtualMachine":
        return
    spec = workload.template.get("spec") or {}
    containers = spec.get("containers")
    if not isinstance(containers, list) or not containers or not all(isinstance(c, Mapping) for c in containers):
        raise TemplateConflictError("template.spec.containers is empty; name at least one container with an image")
    named = pod_gpus(spec)
    if named not in {0, workload.gpus_per_replica}:
        raise TemplateConflictError(
            f"the template asks for {named} {names.GPU_RESOURCE}, gpu.perReplica says {workload.gpus_per_replica}: "
            "leave GPUs out of the template, they are filled in from gpu.perReplica"
        )


def pod_template(workload: WorkloadSpec, *, unit: str, products: Sequence[str], volumes: Mapping[str, str]) -> Template:
    """Pod template for one unit. `products`: accepted ones there; `volumes`: volume name -> claim name."""
    template: Template = copy.deepcopy(dict(workload.template))
    meta = template.setdefault("metadata", {}) or {}
    template["metadata"] = meta
    meta["labels"] = {**(meta.get("labels") or {}), **pod_labels(workload, unit)}
    if workload_label(workload.key[1]) != workload.key[1]:
        meta["annotations"] = {**(meta.get("annotations") or {}), names.WORKLOAD_LABEL: workload.key[1]}
    spec = template["spec"]
    bind(spec, unit, products if workload.gpus_per_replica else ())
    _inject_gpus(spec, workload.gpus_per_replica)
    _mount(spec, workload, volumes)
    spec.setdefault("automountServiceAccountToken", False)
    if workload.kind == BATCH:
        spec.setdefault("restartPolicy", "Never")
        notice = (workload.block.get("checkpoint") or {}).get("noticeSeconds")
        if notice:
            spec.setdefault("terminationGracePeriodSeconds", int(notice))
    return template


def pod_labels(workload: WorkloadSpec, unit: str) -> dict[str, str]:
    return {
        names.WORKLOAD_LABEL: workload_label(workload.key[1]),
        names.UNIT_LABEL: unit,
        names.MANAGED_BY_LABEL: names.MANAGED_BY,
    }


def workload_label(name: str) -> str:
    """A label value for a name of up to 253 characters: cut, with a hash, where it is too long."""
    return name if len(name) <= _LABEL_MAX else cut(name, _LABEL_MAX)


def cut(name: str, length: int) -> str:
    """At most `length` characters, unique by a hash of the whole, valid as a name."""
    if len(name) <= length:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{name[: length - 9].rstrip('-.')}-{digest}"


def template_hash(workload: WorkloadSpec) -> str:
    """Of what a Job cannot change while it lives: its template, GPUs, volumes and completions."""
    spec = workload.body["spec"]
    what = [workload.template, spec.get("gpu"), spec.get("storage"), workload.completions]
    return hashlib.sha256(json.dumps(what, sort_keys=True, default=str).encode()).hexdigest()[:8]


def bind(spec: Template, unit: str, products: Sequence[str]) -> None:
    """Only nodes of the unit, its GPU taint tolerated, and where `products` are given only nodes with one of them."""
    spec["nodeSelector"] = {**(spec.get("nodeSelector") or {}), names.UNIT_LABEL: unit}
    toleration = {"key": names.GPU_TAINT, "operator": "Equal", "value": unit, "effect": "NoSchedule"}
    spec["tolerations"] = [*(spec.get("tolerations") or ()), toleration]
    if not products:
        return
    affinity = spec.setdefault("affinity", {})
    required = affinity.setdefault("nodeAffinity", {}).setdefault("requiredDuringSchedulingIgnoredDuringExecution", {})
    wanted = {"key": names.PRODUCT_LABEL, "operator": "In", "values": sorted(products)}
    # Terms are alternatives, expressions in one term all hold: the demand goes into every alternative.
    terms = required.get("nodeSelectorTerms") or [{}]
    required["nodeSelectorTerms"] = [
        {**t, "matchExpressions": [*(t.get("matchExpressions") or ()), wanted]} for t in terms
    ]


def _inject_gpus(spec: Template, gpus: int) -> None:
    if not gpus or pod_gpus(spec):
        return
    resources = spec["containers"][0].setdefault("resources", {})
    resources["limits"] = {**(resources.get("limits") or {}), names.GPU_RESOURCE: str(gpus)}


def _mount(spec: Template, workload: WorkloadSpec, claims: Mapping[str, str]) -> None:
    volumes: list[dict[str, Any]] = list(spec.get("volumes") or ())
    named = {v.get("name") for v in volumes}
    container = spec["containers"][0]
    for volume in workload.body["spec"].get("storage") or ():
        name = volume["name"]
        if name not in named:
            volumes.append({"name": name, "persistentVolumeClaim": {"claimName": claims[name]}})
        mounts = container.get("volumeMounts") or []
        if volume.get("mountPath") and name not in {m.get("name") for m in mounts}:
            container["volumeMounts"] = [*mounts, {"name": name, "mountPath": volume["mountPath"]}]
    if volumes:
        spec["volumes"] = volumes
