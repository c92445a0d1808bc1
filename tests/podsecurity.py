"""Pod Security Standards, profile "restricted" (which holds "baseline"): what a pod's spec does against it.

Written from the Kubernetes documentation of the standards, not from our charts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}
_HOST_NAMESPACES = ("hostNetwork", "hostPID", "hostIPC")
_SECCOMP = {"RuntimeDefault", "Localhost"}
_SELINUX_TYPES = {"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"}
_SYSCTLS = {
    "kernel.shm_rmid_forced",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.tcp_syncookies",
    "net.ipv4.ping_group_range",
    "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_fin_timeout",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
}


def violations(spec: dict[str, Any]) -> list[str]:
    """One text each; empty if the pod is restricted."""
    return [*_of_pod(spec), *(found for c in containers(spec) for found in _of_container(c, spec))]


def containers(spec: dict[str, Any]) -> list[dict[str, Any]]:
    return [c for kind in ("initContainers", "containers", "ephemeralContainers") for c in spec.get(kind) or ()]


def _of_pod(spec: dict[str, Any]) -> Iterator[str]:
    yield from (f"{name}: true" for name in _HOST_NAMESPACES if spec.get(name))
    security = spec.get("securityContext") or {}
    yield from (f"sysctl {s['name']}" for s in security.get("sysctls") or () if s["name"] not in _SYSCTLS)
    yield from _labels(security)
    for volume in spec.get("volumes") or ():
        for kind in set(volume) - {"name"} - _VOLUMES:
            yield f"{kind} {volume[kind].get('path', '')}".strip()


def _of_container(container: dict[str, Any], spec: dict[str, Any]) -> Iterator[str]:
    pod = spec.get("securityContext") or {}
    own = container.get("securityContext") or {}
    yield from _labels(own)
    if own.get("privileged"):
        yield "privileged: true"
    if own.get("procMount", "Default") != "Default":
        yield f"procMount: {own['procMount']}"
    if own.get("allowPrivilegeEscalation") is not False:
        yield "allowPrivilegeEscalation: true"
    if own.get("runAsNonRoot", pod.get("runAsNonRoot")) is not True:
        yield "runAsNonRoot: false"
    if own.get("runAsUser", pod.get("runAsUser")) == 0:
        yield "runAsUser: 0"
    if (own.get("seccompProfile") or pod.get("seccompProfile") or {}).get("type") not in _SECCOMP:
        yield "seccompProfile missing"
    capabilities = own.get("capabilities") or {}
    if "ALL" not in (capabilities.get("drop") or ()):
        yield "capabilities.drop lacks ALL"
    yield from (f"capabilities.add: {c}" for c in capabilities.get("add") or () if c != "NET_BIND_SERVICE")
    yield from (f"hostPort {p['hostPort']}" for p in container.get("ports") or () if p.get("hostPort"))
    for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
        if ((container.get(probe) or {}).get("httpGet") or {}).get("host"):
            yield f"{probe} names a host"


def _labels(security: dict[str, Any]) -> Iterator[str]:
    selinux = security.get("seLinuxOptions") or {}
    if selinux.get("type", "") not in _SELINUX_TYPES or selinux.get("user") or selinux.get("role"):
        yield "seLinuxOptions"
    if (security.get("appArmorProfile") or {}).get("type", "RuntimeDefault") not in _SECCOMP:
        yield "appArmorProfile"
    if (security.get("windowsOptions") or {}).get("hostProcess"):
        yield "hostProcess: true"
