"""kind's configuration of a cluster."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_AUDIT_FOLDER = "/var/log/policloud-audit"
AUDIT_LOG = "audit.log"

# Who did what to which kind, once each request is answered; bodies hold secrets and are left out.
_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata"}],
}


def manifest(workers: int, audit: Path | None) -> dict[str, Any]:
    """`audit`: the folder of this machine that shall hold the policy and audit.log."""
    first: dict[str, Any] = {"role": "control-plane"}
    if audit is not None:
        audit.mkdir(parents=True, exist_ok=True)
        (audit / "policy.yaml").write_text(json.dumps(_POLICY))
        first["extraMounts"] = [{"hostPath": str(audit.resolve()), "containerPath": _AUDIT_FOLDER}]
        first["kubeadmConfigPatches"] = [json.dumps(_audited())]
    return {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "nodes": [first, *({"role": "worker"} for _ in range(workers))],
    }


def _audited() -> dict[str, Any]:
    arguments = {"audit-policy-file": f"{_AUDIT_FOLDER}/policy.yaml", "audit-log-path": f"{_AUDIT_FOLDER}/{AUDIT_LOG}"}
    volume = {"name": "audit", "hostPath": _AUDIT_FOLDER, "mountPath": _AUDIT_FOLDER, "pathType": "Directory"}
    return {
        "kind": "ClusterConfiguration",
        "apiVersion": "kubeadm.k8s.io/v1beta4",
        "apiServer": {
            "extraArgs": [{"name": name, "value": value} for name, value in arguments.items()],
            "extraVolumes": [volume],
        },
    }
