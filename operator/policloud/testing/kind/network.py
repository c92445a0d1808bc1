"""Between nodes: addresses, routes between the pods of one cluster, a cut between two clusters and its healing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from policloud.testing.kind.docker import docker

if TYPE_CHECKING:
    from policloud.testing.kind.cluster import KindCluster

# Traffic for the node itself, and traffic for its pods (a NodePort leads there).
_CHAINS = ("INPUT", "FORWARD")
_MARK = "-m comment --comment policloud-cut"


def address(node: str) -> str:
    shown = json.loads(docker("inspect", "--format", "{{json .NetworkSettings.Networks}}", node))
    return str(shown["kind"]["IPAddress"])


def cut(one: KindCluster, other: KindCluster) -> None:
    """No packet between them is taken, in either direction; what each does inside goes on. Twice is once."""
    _on_every_node(one, other, "iptables -w -C {rule} 2>/dev/null || iptables -w -I {rule}")


def heal(one: KindCluster, other: KindCluster) -> None:
    """Also of what was never cut."""
    _on_every_node(one, other, "while iptables -w -D {rule} 2>/dev/null; do :; done")


def route_pods(cluster: KindCluster) -> None:
    """What kindnetd does in the official image; harmless there."""
    if not cluster.workers:
        return
    nodes = {item["metadata"]["name"]: item for item in cluster.get("nodes")["items"]}
    for here in nodes:
        for there, item in nodes.items():
            if here != there:
                docker("exec", here, "ip", "route", "replace", item["spec"]["podCIDR"], "via", address(there))


def _on_every_node(one: KindCluster, other: KindCluster, command: str) -> None:
    for node, script in scripts(command, _addresses(one), _addresses(other)).items():
        docker("exec", node, "bash", "-ec", script)


def scripts(command: str, one: dict[str, str], other: dict[str, str]) -> dict[str, str]:
    """What to run on each node: `command` for each rule that drops what comes from a node of the other side."""
    return {
        node: "\n".join(
            command.format(rule=f"{chain} -s {ip} {_MARK} -j DROP") for chain in _CHAINS for ip in source.values()
        )
        for target, source in ((one, other), (other, one))
        for node in target
    }


def _addresses(cluster: KindCluster) -> dict[str, str]:
    return {node: address(node) for node in cluster.nodes()}
