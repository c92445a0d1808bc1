"""`policloud tree`: the fleet, a site, a unit or a workload with what belongs to it; healthy parts folded."""

from __future__ import annotations

import click

from policloud.api.names import WORKLOAD_LABEL
from policloud.api.resources import (
    DEPLOYMENT,
    JOB,
    NETWORK_POLICY,
    PERSISTENT_VOLUME_CLAIM,
    POD,
    SERVICE,
    Resource,
)
from policloud.cli.common import Session, Target, cluster_options, run, split_name
from policloud.cli.errors import CliError
from policloud.cli.fleet import HERE, Fleet, gather, name, placements, site_of
from policloud.cli.render.documents import document, emit
from policloud.cli.render.progress import spinner
from policloud.cli.render.tables import show
from policloud.cli.render.trees import Node, fleet_node, rich_tree, unit_node, workload_node
from policloud.cli.why import read
from policloud.ports import Body, NotFoundError, RejectedError

CHILDREN: tuple[Resource, ...] = (DEPLOYMENT, JOB, SERVICE, PERSISTENT_VOLUME_CLAIM, NETWORK_POLICY, POD)


@click.command(short_help="The fleet, a site, a unit or a workload with what belongs to it.")
@click.argument("what", metavar="[site/NAME | unit/NAME | NAMESPACE/NAME]", required=False)
@click.option("--all", "everything", is_flag=True, help="Show healthy parts too.")
@cluster_options(outputs=("table", "json", "yaml"))
def command(*, target: Target, what: str | None, everything: bool) -> None:
    """The fleet, a site, a unit or a workload with what belongs to it.

    Without an argument: the fleet (on a hub) or this site. Healthy parts are folded unless --all is given. A workload
    shows its offers and placements on a hub; its Deployment, Job, Service, volumes and pods on a site.
    """

    async def work(session: Session) -> None:
        with spinner(f"reading {session.server}", quiet=target.machine):
            fleet = await gather(session.cluster)
            node = await choose(session, target, fleet, what, everything=everything)
        if target.machine:
            emit(target.output, document("Tree", {"root": node.as_dict()}))
        else:
            show(rich_tree(node))

    run(target, work)


async def choose(session: Session, target: Target, fleet: Fleet, what: str | None, *, everything: bool) -> Node:
    kind, _, rest = (what or "").partition("/")
    if not what:
        return fleet_node(fleet, session.clock.now(), everything=everything)
    if kind == "unit" and rest:
        return unit_node(one_unit(fleet, rest), fleet, session.clock.now(), everything=True)
    if kind == "site" and rest:
        return site(fleet, rest, session)
    namespace, workload = split_name(what, target, session)
    body = await read(session, namespace, workload)
    return workload_node(body, fleet, await children(session, body), everything=everything)


def one_unit(fleet: Fleet, wanted: str) -> Body:
    for unit in fleet.units:
        if name(unit) == wanted:
            return unit
    known = ", ".join(sorted(name(u) for u in fleet.units)) or "none"
    raise CliError(f"there is no unit {wanted!r}", fix=f"units here: {known}")


def site(fleet: Fleet, wanted: str, session: Session) -> Node:
    if wanted not in fleet.sites():
        known = ", ".join(s for s in fleet.sites() if s != HERE) or "none: this cluster is no hub"
        raise CliError(f"there is no site {wanted!r}", fix=f"sites here: {known}")
    only = Fleet(
        units=tuple(u for u in fleet.units if site_of(u) == wanted),
        sources=fleet.sources,
        workloads=tuple(w for w in fleet.workloads if any(p.get("site") == wanted for p in placements(w))),
        memberships=tuple(m for m in fleet.memberships if name(m) == wanted),
        offers=tuple(o for o in fleet.offers if o["metadata"].get("namespace") == f"site-{wanted}"),
        mandates=fleet.mandates,
    )
    return fleet_node(only, session.clock.now(), everything=True)


async def children(session: Session, workload: Body) -> list[tuple[str, Body]]:
    """(kind, object) of what a workload has on this cluster; kinds that may not be read are left out."""
    namespace, workload_name = workload["metadata"]["namespace"], name(workload)
    found: list[tuple[str, Body]] = []
    for resource in CHILDREN:
        try:
            listed = await session.cluster.list(resource, namespace, label_selector=f"{WORKLOAD_LABEL}={workload_name}")
        except (NotFoundError, RejectedError):
            continue
        found += [(resource.kind, item) for item in listed.items]
    return found
