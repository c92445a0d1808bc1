"""Everything that the programs of one control plane read, written before they start."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files as package_files
from pathlib import Path

from policloud.testing.controlplane.certificates import Authority, kubeconfig
from policloud.testing.controlplane.components import AUDIT_POLICY, STORES, Files
from policloud.testing.controlplane.ports import LOOPBACK

ADMIN_GROUP = "system:masters"
_SCHEDULER = "system:kube-scheduler"  # bound by the API server's own defaults


def files_of(directory: Path, authority: Authority) -> Files:
    """Where they are; certificates are issued if there are none yet."""
    return Files(
        ca=authority.certificate,
        server=authority.server("apiserver", [LOOPBACK, "localhost", "kubernetes.default.svc", "10.0.0.1"]),
        service_account=authority.signing_key("service-account"),
        audit_policy=directory / "audit-policy.yaml",
        audit_log=directory / "logs" / "audit.log",
        stages=directory / "stages.yaml",
        kubeconfigs=directory / "kubeconfigs",
    )


def prepare(directory: Path, name: str, url: str, authority: Authority, components: Sequence[str]) -> None:
    """Policies, stages, and a kubeconfig for each component that talks to the API server at `url`."""
    for folder in ("logs", "run", "kubeconfigs"):
        (directory / folder).mkdir(parents=True, exist_ok=True)
    files = files_of(directory, authority)
    files.audit_policy.write_text(AUDIT_POLICY)
    files.stages.write_text(package_files(__package__).joinpath("stages.yaml").read_text())
    for component in components:
        if component in {*STORES, "apiserver"}:
            continue
        scheduler = component == "scheduler"
        client = authority.client(
            _SCHEDULER if scheduler else f"policloud-local-{component}", [] if scheduler else [ADMIN_GROUP]
        )
        path = files.kubeconfigs / f"{component}.kubeconfig"
        kubeconfig(path, cluster=name, server=url, ca=authority.certificate, client=client)
