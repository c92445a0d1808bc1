"""`policloud top`: units with watts, GPUs and carbon; workloads with place and state."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

import click
from rich.console import Group
from rich.live import Live
from rich.table import Table

from policloud.cli.common import Session, Target, cluster_options, run
from policloud.cli.errors import CliError
from policloud.cli.fleet import Fleet, UnitRow, WorkloadRow, gather, unit_rows, workload_rows
from policloud.cli.render.documents import document, emit
from policloud.cli.render.progress import spinner
from policloud.cli.render.quantities import UNKNOWN, age, grams, used_of, watts
from policloud.cli.render.tables import Cell, Column, console, ready_cell, show, table

UNIT_COLUMNS = (
    Column("SITE"),
    Column("UNIT"),
    Column("READY"),
    Column("REASON", wide=True),
    Column("SOURCE"),
    Column("AVAILABLE", right=True),
    Column("USED", right=True),
    Column("GPUS", right=True),
    Column("G/KWH", right=True),
    Column("WORKLOADS", right=True),
    Column("SEEN", right=True, wide=True),
)
WORKLOAD_COLUMNS = (
    Column("NAMESPACE"),
    Column("NAME"),
    Column("CLASS", wide=True),
    Column("PRIORITY", right=True, wide=True),
    Column("READY"),
    Column("REASON"),
    Column("REPLICAS", right=True),
    Column("UNITS"),
    Column("POWER", right=True),
    Column("AGE", right=True),
    Column("MESSAGE", wide=True),
)
WHAT = ("all", "units", "workloads")


def unit_cells(row: UnitRow, now: datetime) -> list[Cell]:
    return [
        row.site,
        row.unit,
        ready_cell(row.ready),
        row.reason or UNKNOWN,
        row.source or UNKNOWN,
        watts(row.available_watts),
        watts(row.used_watts),
        used_of(row.gpus_used, row.gpus_total),
        grams(row.grams_per_kwh),
        str(row.workloads),
        age(row.last_seen, now),
    ]


def workload_cells(row: WorkloadRow, now: datetime) -> list[Cell]:
    return [
        row.namespace,
        row.name,
        row.kind,
        str(row.priority),
        ready_cell(row.ready),
        row.reason or UNKNOWN,
        used_of(row.replicas_ready, row.replicas),
        ", ".join(row.placements) or UNKNOWN,
        watts(row.watts),
        age(row.created, now),
        row.message,
    ]


def units_table(rows: list[UnitRow], now: datetime, *, wide: bool = False) -> Table:
    return table(UNIT_COLUMNS, [unit_cells(r, now) for r in rows], wide=wide)


def workloads_table(rows: list[WorkloadRow], now: datetime, *, wide: bool = False) -> Table:
    return table(WORKLOAD_COLUMNS, [workload_cells(r, now) for r in rows], wide=wide)


def as_document(fleet: Fleet, what: str) -> dict[str, Any]:
    """Kind `Top`: `units[]` and `workloads[]`, as asked for."""
    content: dict[str, Any] = {}
    if what != "workloads":
        content["units"] = [unit_document(r) for r in unit_rows(fleet)]
    if what != "units":
        content["workloads"] = [workload_document(r) for r in workload_rows(fleet.workloads)]
    return document("Top", content)


def unit_document(row: UnitRow) -> dict[str, Any]:
    return {
        "site": row.site,
        "unit": row.unit,
        "ready": row.ready,
        "reason": row.reason,
        "source": row.source,
        "availableWatts": row.available_watts,
        "usedWatts": row.used_watts,
        "gpusUsed": row.gpus_used,
        "gpusTotal": row.gpus_total,
        "gramsPerKWh": row.grams_per_kwh,
        "workloadsLocal": row.workloads_local,
        "workloadsFederated": row.workloads_federated,
        "lastSeen": row.last_seen,
    }


def workload_document(row: WorkloadRow) -> dict[str, Any]:
    return {
        "namespace": row.namespace,
        "name": row.name,
        "class": row.kind,
        "ready": row.ready,
        "reason": row.reason,
        "message": row.message,
        "replicas": row.replicas,
        "readyReplicas": row.replicas_ready,
        "placements": list(row.placements),
        "watts": row.watts,
        "priority": row.priority,
    }


def view(fleet: Fleet, now: datetime, *, what: str, wide: bool) -> Group:
    parts: list[Any] = []
    if what != "workloads":
        parts.append(units_table(unit_rows(fleet), now, wide=wide))
    if what == "all":
        parts.append("")
    if what != "units":
        rows = workload_rows(fleet.workloads)
        parts.append(workloads_table(rows, now, wide=wide) if rows else "No workloads.")
    return Group(*parts)


@click.command(short_help="Watts, GPUs and carbon of units; place and state of workloads.")
@click.argument("what", type=click.Choice(WHAT), default="all")
@click.option("-w", "--watch", is_flag=True, help="Keep the tables up to date until Ctrl-C.")
@click.option("--every", default=2.0, show_default=True, type=click.FloatRange(0.5), help="Seconds between updates.")
@cluster_options()
def command(*, target: Target, what: str, watch: bool, every: float) -> None:
    """Watts, GPUs and carbon of units; place and state of workloads.

    WHAT is all (default), units or workloads. On a hub it shows the whole fleet, on a site that site.
    """
    if watch and target.machine:
        raise CliError("--watch draws tables; it cannot be combined with -o json, yaml or name", fix="drop one of them")
    namespace = None if target.all_namespaces else target.namespace

    async def work(session: Session) -> None:
        if watch:
            await _watch(session, namespace, target, what, every)
            return
        with spinner(f"reading {session.server}", quiet=target.machine):
            fleet = await gather(session.cluster, namespace)
        if target.machine:
            rows = [f"policloudunit/{r.unit}" for r in unit_rows(fleet)] if what != "workloads" else []
            rows += [f"sovereignworkload/{r.namespace}/{r.name}" for r in workload_rows(fleet.workloads)] * (
                what != "units"
            )
            emit(target.output, as_document(fleet, what), rows)
        else:
            show(view(fleet, session.clock.now(), what=what, wide=target.wide))

    run(target, work)


async def _watch(session: Session, namespace: str | None, target: Target, what: str, every: float) -> None:
    with Live(console=console(), auto_refresh=False, screen=False) as live:
        while True:
            fleet = await gather(session.cluster, namespace)
            live.update(view(fleet, session.clock.now(), what=what, wide=target.wide), refresh=True)
            await asyncio.sleep(every)
