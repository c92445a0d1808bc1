"""A VirtualMachine of KubeVirt from a workload: halted or running, bound to the unit's nodes. Pure."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from policloud.api import names, resources
from policloud.ports import Body
from policloud.reconcile.site.placements import Placement
from policloud.reconcile.site.specs import UnitSpec, WorkloadSpec
from policloud.reconcile.site.templates import bind, pod_labels


def virtual_machine(
    workload: WorkloadSpec, meta: Body, placement: Placement, unit: UnitSpec, claims: Mapping[str, str]
) -> Body:
    """The object for one unit; `meta` is its metadata, `claims` maps volume names to claim names."""
    template: dict[str, Any] = copy.deepcopy(dict(workload.template))
    inner = template.get("metadata") or {}
    template["metadata"] = {**inner, "labels": {**(inner.get("labels") or {}), **pod_labels(workload, unit.name)}}
    spec = template.setdefault("spec", {})
    products = sorted({p.product for p in unit.accepts(workload)}) if workload.gpus_per_replica else ()
    bind(spec, unit.name, products)
    devices = spec.setdefault("domain", {}).setdefault("devices", {})
    if workload.gpus_per_replica and not devices.get("gpus"):
        devices["gpus"] = [
            {"name": f"gpu{n}", "deviceName": names.GPU_RESOURCE} for n in range(workload.gpus_per_replica)
        ]
    _disks(spec, devices, workload, claims)
    return {
        "apiVersion": resources.VIRTUAL_MACHINE.api_version,
        "kind": resources.VIRTUAL_MACHINE.kind,
        "metadata": meta,
        "spec": {"runStrategy": "Always" if placement.replicas else "Halted", "template": template},
    }


def _disks(spec: dict[str, Any], devices: dict[str, Any], workload: WorkloadSpec, claims: Mapping[str, str]) -> None:
    volumes, disks = list(spec.get("volumes") or ()), list(devices.get("disks") or ())
    for volume in workload.body["spec"].get("storage") or ():
        name = volume["name"]
        if name not in {v.get("name") for v in volumes}:
            volumes.append({"name": name, "persistentVolumeClaim": {"claimName": claims[name]}})
        if name not in {d.get("name") for d in disks}:
            disks.append({"name": name, "disk": {"bus": "virtio"}})
    if volumes:
        spec["volumes"] = volumes
    if disks:
        devices["disks"] = disks
