"""What a scenario needs of a cluster, however it is made: on this machine's processes (local), or by kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

Role = Literal["hub", "site"]
Body = dict[str, Any]
NAMESPACE = "policloud-system"
RELEASES: Mapping[Role, str] = {"hub": "policloud-hub", "site": "policloud-site"}


@dataclass(frozen=True, slots=True)
class Release:
    """Charts and image of one version of ours. `charts`: role to a folder or a packaged chart."""

    version: str
    charts: Mapping[Role, Path]
    image: str
    wheel: Path | None = None  # what the image is built of; None: this checkout


@dataclass(frozen=True, slots=True)
class Endpoints:
    """URLs by which the hub on this cluster is reached from other clusters."""

    api: str
    identity: str


@dataclass(frozen=True, slots=True)
class Machine:
    """A GPU server that a cluster is made with."""

    name: str
    gpus: int
    labels: Mapping[str, str] = field(default_factory=dict)


class Cluster(Protocol):
    """A running cluster. Everything raises on failure, with the text of what failed."""

    name: str
    real_pods: bool  # a workload's containers run and have logs
    kubeconfig: Path  # an administrator's, reachable from this machine
    time_scale: float  # of the operators' waits here

    def kubectl(self, *arguments: str, input: str | None = None) -> str:  # noqa: A002 - as subprocess calls it
        """Its stdout, as administrator."""

    def values(self, role: Role) -> Body:
        """What the charts have to be told here: waits, a proxy, the type of the hub's Service."""

    def provide(self, release: Release) -> None:
        """Pods can start from its image from now on."""

    def endpoints(self) -> Endpoints:
        """Of a hub on this cluster."""

    def pause(self) -> None:
        """The API server hangs: connections stay, nobody answers."""

    def resume(self) -> None: ...

    def cut(self, peer: Cluster) -> None:
        """Nothing passes between this cluster and `peer` any more, without a word to either."""

    def heal(self, peer: Cluster) -> None: ...

    def kill_operator(self, role: Role) -> None:
        """SIGKILL its process; whoever keeps it (kubelet) starts it again."""

    def operator_log(self, role: Role) -> str:
        """What its processes have said so far."""

    def pod_log(self, namespace: str, pod: str) -> str:
        """Of a workload's pod, where `real_pods`."""

    def audit(self) -> Iterator[Body]:
        """Every answered request so far, as audit events of level Metadata."""

    def remove(self) -> None:
        """Away with it, and everything it started."""
