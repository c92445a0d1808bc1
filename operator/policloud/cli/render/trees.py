"""Trees as data (for JSON) and as lines (for people). Healthy equals are folded into one line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rich.text import Text
from rich.tree import Tree

from policloud.cli.fleet import (
    HERE,
    Fleet,
    condition,
    key,
    name,
    namespace_of,
    placements,
    site_of,
    spec,
    status,
    unit_row,
    workload_row,
)
from policloud.cli.render.quantities import UNKNOWN, age, grams, used_of, watts
from policloud.cli.render.tables import BAD, FAINT, GOOD, WAITING
from policloud.ports import Body


@dataclass(slots=True)
class Node:
    """One line: what it is, how it is, what is below it. `ready`: True, False, Unknown, or "" for things without."""

    kind: str
    name: str
    ready: str = ""
    detail: str = ""
    children: list[Node] = field(default_factory=list)

    @property
    def healthy(self) -> bool:
        return self.ready in ("True", "") and all(c.healthy for c in self.children)

    def as_dict(self) -> dict[str, Any]:
        content: dict[str, Any] = {"kind": self.kind, "name": self.name}
        if self.ready:
            content["ready"] = self.ready
        if self.detail:
            content["detail"] = self.detail
        if self.children:
            content["children"] = [c.as_dict() for c in self.children]
        return content


def rich_tree(node: Node) -> Tree:
    tree = Tree(_line(node), guide_style=FAINT)
    _grow(tree, node)
    return tree


def _grow(tree: Tree, node: Node) -> None:
    for child in node.children:
        _grow(tree.add(_line(child)), child)


def _line(node: Node) -> Text:
    mark = {"True": ("✓ ", GOOD), "False": ("✗ ", BAD), "Unknown": ("? ", WAITING)}.get(node.ready, ("", ""))
    return Text.assemble(mark, (f"{node.kind} ", FAINT), (node.name, "bold"), f"  {node.detail}" if node.detail else "")


def fleet_node(fleet: Fleet, now: datetime, *, everything: bool) -> Node:
    """Sites with their units; on a site's own cluster just the units."""
    sites = fleet.sites()
    gpus = sum(int((status(u).get("gpus") or {}).get("total") or 0) for u in fleet.units)
    here = sites == [HERE] or not sites
    root = Node(
        "site" if here else "fleet",
        HERE if here else f"{_count(len([s for s in sites if s != HERE]), 'site')}",
        detail=f"{_count(len(fleet.units), 'unit')}, {gpus} GPUs, {_count(len(fleet.workloads), 'workload')}",
    )
    made = [_site_node(s, fleet, now, everything=everything) for s in sites]
    root.children = [u for node in made for u in node.children] if here else fold(made, everything=everything)
    # A site shows its placed work below its units already.
    loose = [w for w in fleet.workloads if not (here and placements(w))]
    root.children += fold([workload_node(w, fleet, (), everything=False) for w in loose], everything=everything)
    return root


def _site_node(site: str, fleet: Fleet, now: datetime, *, everything: bool) -> Node:
    ready, detail = "", ""
    for membership in fleet.memberships:
        if name(membership) == site:
            ready, reason, _ = condition(membership, "Reachable")
            seen = status(membership).get("lastSeen")
            detail = ", ".join(filter(None, [reason, f"seen {age(seen, now)} ago" if seen else "never seen"]))
    units = [unit_node(u, fleet, now, everything=everything) for u in fleet.units if site_of(u) == site]
    return Node("site", site, ready, detail, units)


def unit_node(unit: Body, fleet: Fleet, now: datetime, *, everything: bool) -> Node:
    """A unit with its sources, its pools and the work on it."""
    row = unit_row(unit, fleet)
    detail = f"{used_of(row.gpus_used, row.gpus_total)} GPUs, {watts(row.used_watts)} of {watts(row.available_watts)}"
    if row.grams_per_kwh is not None:
        detail += f", {grams(row.grams_per_kwh)} g/kWh"
    if row.ready != "True" and (row.reason or row.message):
        detail += f", {row.reason}: {row.message}" if row.message else f", {row.reason}"
    node = Node("unit", row.unit, row.ready, detail)
    wanted = (spec(unit).get("electrical") or {}).get("sources") or ()
    node.children += [_source_node(s) for s in fleet.sources if name(s) in wanted]
    node.children += [_pool_node(p) for p in status(unit).get("pools") or ()]
    here = [w for w in fleet.workloads if any(p.get("unit") == row.unit for p in placements(w))]
    node.children += [_placed_node(w, row.unit) for w in here]
    del now
    if not everything:
        node.children = [c for c in node.children if not c.healthy or c.kind == "workload"]
    return node


def _source_node(source: Body) -> Node:
    ready, reason, _ = condition(source, "Ready")
    state = status(source)
    detail = f"{watts(state.get('availableWatts'))} available, {state.get('quality') or UNKNOWN}"
    if state.get("gramsPerKWh") is not None:
        detail += f", {grams(state['gramsPerKWh'])} g/kWh"
    return Node("source", name(source), ready, detail if ready == "True" else f"{detail}, {reason}")


def _pool_node(pool: Mapping[str, Any]) -> Node:
    nodes, ready = int(pool.get("nodes") or 0), int(pool.get("readyNodes") or 0)
    detail = (
        f"{used_of(pool.get('gpusUsed'), pool.get('gpus'))} {pool.get('product', 'GPUs')}, {ready}/{nodes} nodes ready"
    )
    return Node("pool", str(pool.get("name")), "True" if nodes and ready == nodes else "False", detail)


def _placed_node(workload: Body, unit: str) -> Node:
    row = workload_row(workload)
    here = [p for p in placements(workload) if p.get("unit") == unit]
    replicas = sum(int(p.get("replicas") or 0) for p in here)
    states = ", ".join(dict.fromkeys(str(p.get("state")) for p in here))
    return Node("workload", key(workload), row.ready, f"{replicas} replicas, {states}")


def workload_node(workload: Body, fleet: Fleet, children: Sequence[tuple[str, Body]], *, everything: bool) -> Node:
    """A workload with its offers (on a hub), its placements and its children (on a site)."""
    row = workload_row(workload)
    where = ", ".join(row.placements) or "placed nowhere"
    node = Node(
        "workload",
        key(workload),
        row.ready,
        f"{row.reason or UNKNOWN}, {used_of(row.replicas_ready, row.replicas)} replicas, {where}",
    )
    uid = workload["metadata"].get("uid")
    offers = [o for o in fleet.offers if (spec(o).get("workload") or {}).get("uid") == uid]
    for offer in offers:
        if everything or not _finished(offer):
            node.children.append(_offer_node(offer))
    if not offers:
        node.children += [
            Node("placement", str(p.get("unit")), "", f"{p.get('replicas', 0)} replicas, {p.get('state', UNKNOWN)}")
            for p in placements(workload)
        ]
    node.children += _child_nodes(children, everything=everything)
    return node


def _finished(offer: Body) -> bool:
    return status(offer).get("state") == "Released" or bool(spec(offer).get("withdrawn"))


def _offer_node(offer: Body) -> Node:
    answer = status(offer).get("answer") or {}
    state = status(offer).get("state") or "Pending"
    said = answer.get("verdict") or "no answer yet"
    detail = f"{spec(offer).get('unit')}, sequence {spec(offer).get('sequence')}, {said}, {state}"
    if answer.get("reason"):
        detail += f", {answer['reason']}"
    ready = "True" if state == "Running" else "False" if said in ("Refused", "RetryAfter") else "Unknown"
    return Node("offer", f"{namespace_of(offer)}/{name(offer)}", "" if _finished(offer) else ready, detail)


def _child_nodes(children: Sequence[tuple[str, Body]], *, everything: bool) -> list[Node]:
    nodes = [Node(kind.lower(), name(body), "", _child_detail(kind, body)) for kind, body in children if kind != "Pod"]
    pods = [body for kind, body in children if kind == "Pod"]
    if everything:
        nodes += [Node("pod", name(p), "", _pod_detail(p)) for p in pods]
    elif pods:
        phases = Counter(str(status(p).get("phase", "Unknown")) for p in pods)
        nodes.append(Node("pods", str(len(pods)), "", ", ".join(f"{n} {phase}" for phase, n in phases.most_common())))
    return nodes


def _child_detail(kind: str, body: Body) -> str:
    state = status(body)
    if kind == "Deployment":
        return f"{int(state.get('readyReplicas') or 0)}/{spec(body).get('replicas', 0)} ready"
    if kind == "Job":
        suspended = ", suspended" if spec(body).get("suspend") else ""
        return f"{int(state.get('active') or 0)} active, {int(state.get('succeeded') or 0)} succeeded{suspended}"
    if kind == "PersistentVolumeClaim":
        return str(state.get("phase", ""))
    return ""


def _pod_detail(pod: Body) -> str:
    return f"{status(pod).get('phase', UNKNOWN)} on {spec(pod).get('nodeName') or 'no node yet'}"


def fold(nodes: list[Node], *, everything: bool) -> list[Node]:
    """The unhealthy in full; the healthy as one line for each kind."""
    if everything:
        return nodes
    shown = [n for n in nodes if not n.healthy]
    for kind in dict.fromkeys(n.kind for n in nodes):
        good = [n.name for n in nodes if n.kind == kind and n.healthy]
        if good:
            listed = ", ".join(good[:6]) + (", …" if len(good) > 6 else "")  # noqa: PLR2004 - what fits on a line
            shown.append(Node(_plural(kind, len(good)), str(len(good)), "True", f"{listed} (--all unfolds)"))
    return shown


def _plural(kind: str, count: int) -> str:
    return kind if count == 1 else f"{kind}s"


def _count(count: int, kind: str) -> str:
    return f"{count} {_plural(kind, count)}"
