"""The command line of each program, tuned for many control planes on two cores."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from policloud.testing.controlplane.binaries import Binaries
from policloud.testing.controlplane.certificates import Pair

STORES = ("etcd", "kine")  # one of them
COMPONENTS = (*STORES, "apiserver", "controller-manager", "scheduler", "kwok")
PROGRAM_OF = {
    "etcd": "etcd",
    "apiserver": "kube-apiserver",
    "controller-manager": "kube-controller-manager",
    "scheduler": "kube-scheduler",
    "kwok": "kwok",
}

# Only what our workloads need. Each further controller costs informers, memory and a burst of requests at the start.
CONTROLLERS = (
    "deployment-controller",
    "replicaset-controller",
    "job-controller",
    "garbage-collector-controller",
    "pod-garbage-collector-controller",
    "namespace-controller",
    "serviceaccount-controller",
    "root-ca-certificate-publisher-controller",
    "node-lifecycle-controller",
    "taint-eviction-controller",
    "disruption-controller",
    "endpointslice-controller",
    "resourcequota-controller",
    "persistentvolume-binder-controller",
    "persistentvolumeclaim-protection-controller",
    "persistentvolume-protection-controller",
    "ttl-after-finished-controller",
    "clusterrole-aggregation-controller",
    "validatingadmissionpolicy-status-controller",
)

AUDIT_POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - level: Metadata
"""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the parts of one control plane listen. `etcd_url` may be another's."""

    api_port: int
    etcd_url: str
    etcd_prefix: str

    @property
    def api_url(self) -> str:
        return f"https://127.0.0.1:{self.api_port}"


@dataclass(frozen=True, slots=True)
class Files:
    """What the programs read, all made before they start."""

    ca: Path
    server: Pair
    service_account: Pair
    audit_policy: Path
    audit_log: Path
    stages: Path
    kubeconfigs: Path  # folder with <component>.kubeconfig


def etcd(binaries: Binaries, data: Path, client_url: str) -> list[str]:
    return [
        str(binaries.path("etcd")),
        f"--data-dir={data}",
        "--unsafe-no-fsync",  # a crash of the machine may lose it; a crash of the process does not
        f"--listen-client-urls={client_url}",
        f"--advertise-client-urls={client_url}",
        "--listen-peer-urls=http://127.0.0.1:0",
        "--log-level=warn",
        "--snapshot-count=10000",
    ]


def apiserver(
    binaries: Binaries, addresses: Addresses, files: Files, *, service_accounts: bool, audit: bool
) -> list[str]:
    command = [
        str(binaries.path("kube-apiserver")),
        f"--etcd-servers={addresses.etcd_url}",
        f"--etcd-prefix={addresses.etcd_prefix}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",  # else it looks for a default route, which a machine off the net lacks
        "--external-hostname=localhost",
        f"--secure-port={addresses.api_port}",
        f"--tls-cert-file={files.server.certificate}",
        f"--tls-private-key-file={files.server.key}",
        f"--client-ca-file={files.ca}",
        "--authorization-mode=RBAC",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={files.service_account.certificate}",
        f"--service-account-signing-key-file={files.service_account.key}",
        "--service-cluster-ip-range=10.0.0.0/16",
        "--endpoint-reconciler-type=none",  # loopback may not stand in an Endpoints object, and nothing needs it
        "--enable-priority-and-fairness=false",  # tests measure us, not the server's queues
        "--max-requests-inflight=1000",
        "--max-mutating-requests-inflight=500",
        "--shutdown-watch-termination-grace-period=1s",  # else open watches hold a stopping server for a minute
        "--feature-gates=APIServerIdentity=false,UnknownVersionInteroperabilityProxy=false",  # a lease write every 10 s
        "--profiling=false",
    ]
    if not service_accounts:  # without controllers nobody makes the default account that pods would need
        command.append("--disable-admission-plugins=ServiceAccount")
    if audit:
        command += [
            f"--audit-policy-file={files.audit_policy}",
            f"--audit-log-path={files.audit_log}",
            "--audit-log-mode=batch",
            "--audit-log-batch-max-wait=200ms",
        ]
    return command


def controller_manager(binaries: Binaries, files: Files) -> list[str]:
    return [
        str(binaries.path("kube-controller-manager")),
        f"--kubeconfig={files.kubeconfigs / 'controller-manager.kubeconfig'}",
        f"--controllers={','.join(CONTROLLERS)}",
        f"--service-account-private-key-file={files.service_account.key}",
        f"--root-ca-file={files.ca}",
        "--leader-elect=false",
        "--secure-port=0",
        "--kube-api-qps=200",
        "--kube-api-burst=400",
        "--node-monitor-period=5s",
        "--node-monitor-grace-period=130s",
        "--profiling=false",
    ]


def scheduler(binaries: Binaries, files: Files) -> list[str]:
    return [
        str(binaries.path("kube-scheduler")),
        f"--kubeconfig={files.kubeconfigs / 'scheduler.kubeconfig'}",
        "--leader-elect=false",
        "--secure-port=0",
        "--kube-api-qps=200",
        "--kube-api-burst=400",
        "--profiling=false",
    ]


def kwok(binaries: Binaries, files: Files) -> list[str]:
    return [
        str(binaries.path("kwok")),
        f"--kubeconfig={files.kubeconfigs / 'kwok.kubeconfig'}",
        "--manage-all-nodes=true",
        f"--config={files.stages}",
        "--server-address=",
        "--node-lease-duration-seconds=120",
    ]
