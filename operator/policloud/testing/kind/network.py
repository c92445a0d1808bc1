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
    return addresses(node)[0]


def addresses(node: str) -> list[str]:
    """IPv4 and, where the network has it, IPv6: names resolve to both, so a cut has to know both."""
    shown = json.loads(docker("inspect", "--format", "{{json .NetworkSettings.Networks}}", node))["kind"]
    return [ip for ip in (shown["IPAddress"], shown["GlobalIPv6Address"]) if ip]


def cut(one: KindCluster, other: KindCluster) -> None:
    """No packet between them is taken, in either direction; what each does inside goes on. Twice is once."""
    _on_every_node(one, other, "{program} -w -C {rule} 2>/dev/null || {program} -w -I {rule}")


def heal(one: KindCluster, other: KindCluster) -> None:
    """Also of what was never cut."""
    _on_every_node(one, other, "while {program} -w -D {rule} 2>/dev/null; do :; done")


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


def scripts(command: str, one: dict[str, list[str]], other: dict[str, list[str]]) -> dict[str, str]:
    """What to run on each node: `command` for each rule that drops what comes from a node of the other side."""
    return {
        node: "\n".join(
            command.format(program="ip6tables" if ":" in ip else "iptables", rule=f"{chain} -s {ip} {_MARK} -j DROP")
            for chain in _CHAINS
            for ips in source.values()
            for ip in ips
        )
        for target, source in ((one, other), (other, one))
        for node in target
    }


def _addresses(cluster: KindCluster) -> dict[str, list[str]]:
    return {node: addresses(node) for node in cluster.nodes()}
