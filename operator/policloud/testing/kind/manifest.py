"""kind's configuration of a cluster."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

AUDIT_FOLDER = "/var/log/policloud-audit"  # in the node of the control plane
AUDIT_LOG = "audit.log"

_CLUSTERS_OWN = {
    "users": ["system:apiserver", "system:kube-controller-manager", "system:kube-scheduler", "system:kube-proxy"]
}
_LEASES = {"group": "coordination.k8s.io", "resources": ["leases"]}
_OWN_GROUPS = {"userGroups": ["system:nodes", "system:serviceaccounts:kube-system"]}
# Who did what to which kind, once each request is answered; bodies hold secrets and are left out. What the cluster's
# own programs read and renew all the time is left out too: it would be nine lines of ten.
_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        *({"level": "None", **who, "verbs": ["get", "list", "watch"]} for who in (_CLUSTERS_OWN, _OWN_GROUPS)),
        *({"level": "None", **who, "resources": [_LEASES]} for who in (_CLUSTERS_OWN, _OWN_GROUPS)),
        {"level": "None", "nonResourceURLs": ["/healthz*", "/livez*", "/readyz*"]},
        {"level": "Metadata"},
    ],
}


_KUBEADM = "kubeadm.k8s.io/v1beta4"
# Of kubeadm's steps. Its own minute is too short where several clusters begin at once on few cores
_PATIENCE = {
    "controlPlaneComponentHealthCheck": "6m0s",
    "kubeletHealthCheck": "6m0s",
    "kubernetesAPICall": "4m0s",
    "tlsBootstrap": "6m0s",
}


def manifest(workers: int, audit: Path | None) -> dict[str, Any]:
    """`audit`: the folder of this machine that shall hold the policy and audit.log."""
    first: dict[str, Any] = {"role": "control-plane"}
    if audit is not None:
        audit.mkdir(parents=True, exist_ok=True)
        (audit / "policy.yaml").write_text(json.dumps(_POLICY))
        first["extraMounts"] = [{"hostPath": str(audit.resolve()), "containerPath": AUDIT_FOLDER}]
        first["kubeadmConfigPatches"] = [json.dumps(_audited())]
    return {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "kubeadmConfigPatches": [
            json.dumps({"apiVersion": _KUBEADM, "kind": kind, "timeouts": _PATIENCE})
            for kind in ("InitConfiguration", "JoinConfiguration")
        ],
        "nodes": [first, *({"role": "worker"} for _ in range(workers))],
    }


def _audited() -> dict[str, Any]:
    arguments = {"audit-policy-file": f"{AUDIT_FOLDER}/policy.yaml", "audit-log-path": f"{AUDIT_FOLDER}/{AUDIT_LOG}"}
    volume = {"name": "audit", "hostPath": AUDIT_FOLDER, "mountPath": AUDIT_FOLDER, "pathType": "Directory"}
    return {
        "kind": "ClusterConfiguration",
        "apiVersion": _KUBEADM,
        "apiServer": {
            "extraArgs": [{"name": name, "value": value} for name, value in arguments.items()],
            "extraVolumes": [volume],
        },
    }
