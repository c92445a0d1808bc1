"""`policloud why NAMESPACE/NAME`: where it runs, why there, and for every other unit why not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import click
from rich.console import Group
from rich.text import Text

from policloud.api.names import OFFER_ANNOTATION
from policloud.api.resources import SOVEREIGN_WORKLOAD
from policloud.cli.common import Session, Target, cluster_options, run, split_name
from policloud.cli.completion import complete_workloads
from policloud.cli.errors import CliError
from policloud.cli.fleet import condition, key, placements, spec, status, wanted_replicas
from policloud.cli.render.documents import document, emit
from policloud.cli.render.quantities import UNKNOWN, age, clock_time, used_of, watts
from policloud.cli.render.reasons import meaning
from policloud.cli.render.tables import BAD, GOOD, WAITING, Cell, Column, show, table
from policloud.domain.reasons import Verdict
from policloud.ports import Body, NotFoundError

PLACE_COLUMNS = (
    Column("UNIT"),
    Column("SITE", wide=True),
    Column("REPLICAS", right=True),
    Column("STATE"),
    Column("POWER", right=True),
    Column("SINCE", right=True),
    Column("OFFER", wide=True),
)
UNIT_COLUMNS = (
    Column("UNIT"),
    Column("SITE", wide=True),
    Column("VERDICT"),
    Column("REASON"),
    Column("MEASURED"),
    Column("REQUIRED"),
    Column("MARGIN"),
    Column("EARLIEST"),
)
VERDICT_STYLE = {Verdict.FITS: GOOD, Verdict.NOT_NOW: WAITING, Verdict.NEVER: BAD}
ORDER = {str(Verdict.FITS): 0, str(Verdict.NOT_NOW): 1, str(Verdict.NEVER): 2}


def headline(workload: Body) -> str:
    body = spec(workload)
    gpu = (body.get("gpu") or {}).get("perReplica", 0)
    return (
        f"{key(workload)}: {body.get('class', '?')}, {wanted_replicas(workload)} × {gpu} GPU, "
        f"priority {body.get('priority', 0)}"
    )


def verdict_cells(row: Mapping[str, Any], now: datetime) -> list[Cell]:
    verdict = str(row.get("verdict", ""))
    return [
        str(row.get("unit", "")),
        str(row.get("site", "")),
        Text(verdict, style=VERDICT_STYLE.get(Verdict(verdict), "") if verdict in ORDER else ""),
        str(row.get("reason") or UNKNOWN),
        str(row.get("measured") or UNKNOWN),
        str(row.get("required") or UNKNOWN),
        str(row.get("margin") or UNKNOWN),
        clock_time(row.get("earliest"), now),
    ]


def place_cells(row: Mapping[str, Any], now: datetime) -> list[Cell]:
    return [
        str(row.get("unit", "")),
        str(row.get("site", "")),
        used_of(row.get("readyReplicas"), row.get("replicas")),
        str(row.get("state") or UNKNOWN),
        watts(row.get("watts")),
        age(row.get("since"), now),
        str(row.get("offer") or UNKNOWN),
    ]


def view(workload: Body, decision: Mapping[str, Any], now: datetime, *, wide: bool) -> Group:
    """The whole answer. `decision` has the shape of `status.decision`, with as many units as are known."""
    ready, reason, message = condition(workload, "Ready")
    parts: list[Any] = [Text(headline(workload), style="bold")]
    parts.append(Text.assemble("Ready: ", (ready, _ready_style(ready)), f" {reason}"))
    if message:
        parts.append(f"  {message}")
    elif meaning(reason):
        parts.append(f"  {meaning(reason)}")
    parts.extend(_conditions(workload))
    if placed := placements(workload):
        parts += ["", "Runs on", table(PLACE_COLUMNS, [place_cells(p, now) for p in placed], wide=wide)]
    elif offer := (workload["metadata"].get("annotations") or {}).get(OFFER_ANNOTATION):
        parts += ["", f"Federated work, held by offer: {offer}"]
    parts.extend(decision_parts(decision, now, wide=wide))
    return Group(*parts)


def _ready_style(ready: str) -> str:
    return GOOD if ready == "True" else BAD if ready == "False" else WAITING


def _conditions(workload: Body) -> list[str]:
    """Placed and Stalled, where they say more than Ready does."""
    lines = []
    for type_, usual in (("Placed", "True"), ("Stalled", "False")):
        state, reason, message = condition(workload, type_)
        if state not in (usual, "Unknown"):
            lines.append(f"{type_}: {state} {reason}" + (f"\n  {message}" if message else ""))
    return lines


def decision_parts(decision: Mapping[str, Any], now: datetime, *, wide: bool) -> list[Any]:
    units: Sequence[Mapping[str, Any]] = decision.get("units") or ()
    if not decision:
        return ["", "No decision yet: the operator has not looked at it. policloud doctor tells whether it runs."]
    head = f"Units: {decision.get('fits', 0)} of {decision.get('of', len(units))} fit by law"
    if decision.get("at"):
        head += f", decided {clock_time(decision['at'], now)}"
    if decision.get("snapshot"):
        head += f" on snapshot {str(decision['snapshot'])[:19]}"
    parts: list[Any] = ["", head]
    ordered = sorted(units, key=lambda u: ORDER.get(str(u.get("verdict")), 3))
    if ordered:
        parts.append(table(UNIT_COLUMNS, [verdict_cells(u, now) for u in ordered], wide=wide))
    hidden = int(decision.get("of") or 0) - len(units)
    if hidden > 0:
        rest = Counter(decision.get("reasons") or {})
        rest.subtract(str(u["reason"]) for u in units if u.get("reason"))
        named = ", ".join(f"{reason} {count}" for reason, count in rest.items() if count > 0)
        more = "1 more unit" if hidden == 1 else f"{hidden} more units"
        parts.append(f"{more}{f' ({named})' if named else ''}: --all lists {'it' if hidden == 1 else 'them'}")
    parts.extend(_meanings(ordered))
    if relaxations := decision.get("relaxations"):
        parts += ["", "Any one of these would place it:", *(f"  - {r}" for r in relaxations)]
    return parts


def _meanings(units: Sequence[Mapping[str, Any]]) -> list[str]:
    """Each reason in the table, once, in words."""
    seen = dict.fromkeys(str(u["reason"]) for u in units if u.get("reason"))
    lines = [f"  {reason}: {meaning(reason)}" for reason in seen if meaning(reason)]
    return ["", "In words", *lines] if lines else []


def as_document(workload: Body, decision: Mapping[str, Any]) -> dict[str, Any]:
    """Kind `Why`: verdict of the workload, its placements and the decision as in its status."""
    ready, reason, message = condition(workload, "Ready")
    return document(
        "Why",
        {
            "namespace": workload["metadata"].get("namespace"),
            "name": workload["metadata"]["name"],
            "ready": ready,
            "reason": reason,
            "message": message,
            "placements": list(placements(workload)),
            "decision": dict(decision),
        },
    )


@click.command(short_help="Why a workload runs where it does, and why not elsewhere.")
@click.argument("workload", metavar="NAMESPACE/NAME", shell_complete=complete_workloads)
@click.option("--all", "everything", is_flag=True, help="Every unit, computed now from the live state.")
@cluster_options()
def command(*, target: Target, workload: str, everything: bool) -> None:
    """Why a workload runs where it does, and for every other unit why not.

    Each unit has a verdict (Fits, NotNow: time may change it, Never: only an edit may), a stable reason, what was
    measured, what is required, the margin, and the earliest time it could fit. Works on a hub and on a site.
    """

    async def work(session: Session) -> None:
        namespace, name = split_name(workload, target, session)
        body = await read(session, namespace, name)
        decision: Mapping[str, Any] = status(body).get("decision") or {}
        if everything or not decision:
            from policloud.cli.planning import explain  # noqa: PLC0415 - the solver is needed only here

            decision = await explain(session, body) or decision
        if target.machine:
            emit(target.output, as_document(body, decision), [f"sovereignworkload/{key(body)}"])
        else:
            show(view(body, decision, session.clock.now(), wide=target.wide))

    run(target, work)


async def read(session: Session, namespace: str, name: str) -> Body:
    """The workload, or an error that names the ones that look alike."""
    try:
        return await session.cluster.get(SOVEREIGN_WORKLOAD, namespace, name)
    except NotFoundError as error:
        if error.missing_kind:
            raise
        found = (await session.cluster.list(SOVEREIGN_WORKLOAD)).items
        alike = [key(w) for w in found if w["metadata"]["name"] == name or w["metadata"].get("namespace") == namespace]
        names = ", ".join(sorted(alike)[:5]) or ", ".join(sorted(key(w) for w in found)[:5])
        raise CliError(
            f"there is no SovereignWorkload {namespace}/{name} on {session.server}",
            fix=f"there is: {names}" if names else "this cluster has none; is it the right --kubeconfig or --context?",
        ) from error
