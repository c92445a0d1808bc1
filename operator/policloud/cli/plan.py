"""`policloud plan -f FILE`: a dry run. Is it valid, where would it go, why not elsewhere, at what cost an hour?"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from rich.console import Group
from rich.text import Text

from policloud.api.resources import SOVEREIGN_WORKLOAD
from policloud.cli.common import Session, Target, cluster_options, run
from policloud.cli.errors import EXIT_NOT_PLACED, CliError
from policloud.cli.fleet import gather, key
from policloud.cli.planning import as_status, per_hour, solve
from policloud.cli.render.documents import document, emit
from policloud.cli.render.progress import spinner
from policloud.cli.render.quantities import UNKNOWN, watts
from policloud.cli.render.tables import BAD, GOOD, Cell, Column, show, table
from policloud.cli.why import decision_parts, headline
from policloud.domain.placement.model import Assignment, Decision, Snapshot, WorkloadDecision
from policloud.ports import Body, NotFoundError, RejectedError

COLUMNS = (
    Column("UNIT"),
    Column("SITE", wide=True),
    Column("REPLICAS", right=True),
    Column("GPUS", right=True),
    Column("POWER", right=True),
    Column("COST/H", right=True),
    Column("CO2E/H", right=True),
)
MANAGER = "policloud-plan"


@click.command(short_help="Where would a manifest run, why not elsewhere, at what price? Changes nothing.")
@click.option("-f", "--filename", required=True, help="Manifest with SovereignWorkloads; - reads standard input.")
@cluster_options(outputs=("table", "wide", "json", "yaml"))
def command(*, target: Target, filename: str) -> None:
    """Where would a manifest run, why not elsewhere, at what price? Changes nothing.

    The API server checks the manifest first (server-side dry run), then the solver decides on the live fleet. Exits
    with 3 if a workload would not run in full. Other kinds in the file are left aside.
    """
    workloads = read_manifest(filename, target)

    async def work(session: Session) -> tuple[Snapshot, Decision, list[Body]]:
        with spinner(f"asking {session.server}", quiet=target.machine):
            valid = [await dry_run(session, w) for w in workloads]
            fleet = await gather(session.cluster)
        if not fleet.units:
            raise CliError(
                "this cluster has no PolicloudUnit to plan on",
                fix="use the kubeconfig of a hub with joined sites, or of a site that has its unit applied",
            )
        asked, decision = solve(fleet, valid, session.clock.now())
        return asked, decision, valid

    asked, decision, valid = run(target, work)
    if target.machine:
        emit(target.output, as_document(asked, decision, valid))
    else:
        show(view(asked, decision, valid, wide=target.wide))
    if any(d.unplaced for d in decision.workloads.values()):
        click.get_current_context().exit(EXIT_NOT_PLACED)


def read_manifest(filename: str, target: Target) -> list[Body]:
    """The SovereignWorkloads of a file, each with a namespace. CliError if there is none or it is no YAML."""
    import yaml  # noqa: PLC0415 - not needed by --help

    try:
        text = sys.stdin.read() if filename == "-" else Path(filename).read_text()
        found = [d for d in yaml.safe_load_all(text) if isinstance(d, dict)]
    except OSError as error:
        raise CliError(f"cannot read {filename}: {error.strerror}", fix="give an existing file with -f FILE") from error
    except yaml.YAMLError as error:
        raise CliError(f"{filename} is not YAML: {' '.join(str(error).split())}") from error
    items = [i for d in found for i in (d.get("items") or [d] if d.get("kind") == "List" else [d])]
    workloads = [d for d in items if d.get("kind") == SOVEREIGN_WORKLOAD.kind]
    if not workloads:
        kinds = ", ".join(sorted({str(d.get("kind")) for d in items})) or "nothing"
        raise CliError(f"{filename} holds no SovereignWorkload but {kinds}", fix="see samples/workloads for examples")
    for body in workloads:
        meta = body.setdefault("metadata", {})
        if target.namespace and meta.get("namespace", target.namespace) != target.namespace:
            raise CliError(
                f"{meta.get('name')} names the namespace {meta['namespace']}, and -n says {target.namespace}",
                fix="leave out one of the two",
            )
        meta.setdefault("namespace", target.namespace or "default")
    return workloads


async def dry_run(session: Session, workload: Body) -> Body:
    """What the API server would store, with its defaults; CliError with its own words if it refuses."""
    try:
        return await session.cluster.apply(SOVEREIGN_WORKLOAD, workload, manager=MANAGER, dry_run=True)
    except RejectedError as error:
        raise CliError(
            f"{key(workload)} is refused by the API server: {error.message}",
            fix="kubectl explain swl.spec tells what each field takes",
        ) from error
    except NotFoundError as error:
        if error.missing_kind:
            raise
        raise CliError(error.message, fix=f"kubectl create namespace {workload['metadata']['namespace']}") from error


def view(asked: Snapshot, decision: Decision, workloads: Sequence[Body], *, wide: bool) -> Group:
    parts: list[Any] = []
    for seen, body in zip(asked.workloads, workloads, strict=True):
        made = decision.workloads[seen.uid]
        wanted = sum(a.replicas for a in made.assignments)
        parts.append(Text(headline(body), style="bold"))
        if made.unplaced:
            parts.append(
                Text(f"would not run in full: {wanted} of {wanted + made.unplaced} replicas placed", style=BAD)
            )
        else:
            parts.append(Text("would run" if wanted else "runs already; nothing to place", style=GOOD))
        if made.assignments:
            parts.append(table(COLUMNS, [_cells(asked, a) for a in made.assignments], wide=wide))
        parts += decision_parts(as_status(made, decision.snapshot, asked.now), asked.now, wide=wide)
        parts.append("")
    return Group(*parts[:-1])


def _cells(asked: Snapshot, a: Assignment) -> list[Cell]:
    unit = next(u for u in asked.units if (u.site, u.unit) == (a.site, a.unit))
    cost, grams = per_hour(unit, a.typical_watts)
    return [
        a.unit,
        a.site,
        str(a.replicas),
        str(a.gpus),
        watts(a.typical_watts),
        UNKNOWN if cost is None else f"{cost} {unit.currency}",
        UNKNOWN if grams is None else f"{grams} g",
    ]


def as_document(asked: Snapshot, decision: Decision, workloads: Sequence[Body]) -> dict[str, Any]:
    """Kind `Plan`: for each workload `placed`, `unplaced`, `assignments[]` and `decision` as in a status."""
    made = [(body, decision.workloads[w.uid]) for body, w in zip(workloads, asked.workloads, strict=True)]
    return document("Plan", {"workloads": [_document(asked, body, d, decision.snapshot) for body, d in made]})


def _document(asked: Snapshot, body: Body, made: WorkloadDecision, digest: str) -> dict[str, Any]:
    return {
        "namespace": body["metadata"]["namespace"],
        "name": body["metadata"]["name"],
        "placed": sum(a.replicas for a in made.assignments),
        "unplaced": made.unplaced,
        "assignments": [_assignment(asked, a) for a in made.assignments],
        "decision": as_status(made, digest, asked.now),
    }


def _assignment(asked: Snapshot, a: Assignment) -> dict[str, Any]:
    unit = next(u for u in asked.units if (u.site, u.unit) == (a.site, a.unit))
    cost, grams = per_hour(unit, a.typical_watts)
    return {
        "site": a.site,
        "unit": a.unit,
        "replicas": a.replicas,
        "gpus": a.gpus,
        "typicalWatts": a.typical_watts,
        "maxWatts": a.max_watts,
        "costPerHour": None if cost is None else str(cost),
        "currency": unit.currency,
        "gramsCO2ePerHour": grams,
    }
