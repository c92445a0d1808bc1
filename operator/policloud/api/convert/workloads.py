"""A SovereignWorkload as placement sees it, given what runs already and who has refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from policloud.api.convert.facts import rules_of
from policloud.api.convert.values import Body, block, decimal, moment
from policloud.domain.placement.model import DataSource, Refusal, WorkloadView
from policloud.domain.workload.demand import Demand, batch, inference, virtual_machine

DEFAULT_WEIGHTS: Final = {"cost": 40, "carbon": 40, "latency": 20}  # as the schema says
_UNMEASURED: Final = ("maxGramsPerThousandTokens",)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONGEST_RUN_HOURS = 10 * 365 * 24.0  # beyond this an estimate is no forecast, and dates overflow


def demand_of(spec: Body, *, done: int = 0) -> Demand:
    """Replicas and GPUs that a SovereignWorkload's spec asks for; `done`: completions a batch has behind it."""
    gpu = block(spec, "gpu")
    size = int(gpu.get("perReplica") or 0)
    if spec.get("class") == "Batch":
        job = block(spec, "batch")
        return batch(
            parallelism=job.get("parallelism"),
            completions=job.get("completions"),
            gpus_per_replica=size,
            gang=bool(job.get("gang")),
            done=done,
        )
    if spec.get("class") == "VirtualMachine":
        return virtual_machine(gpus_per_replica=size)
    service = block(spec, "inference")
    return inference(
        replicas=int(service.get("replicas", 1)),
        min_replicas=service.get("minReplicas"),
        gpus_per_replica=size,
    )


def workload_view(
    workload: Body,
    *,
    now: datetime,
    running: Mapping[str, int] | None = None,
    refusals: Mapping[str, Refusal] | None = None,
    avoid_units: Iterable[str] = (),
    done: int = 0,
) -> WorkloadView:
    """One SovereignWorkload. `running`: replicas held or reserved by unit; `refusals`: last no by unit.

    `now` dates the end of a batch that states its work but no deadline: certificates must hold until then.
    """
    meta, spec = block(workload, "metadata"), block(workload, "spec")
    demand, gpu = demand_of(spec, done=done), block(spec, "gpu")
    view = WorkloadView(
        uid=str(meta.get("uid") or f"{meta.get('namespace')}/{meta.get('name')}"),
        namespace=str(meta.get("namespace", "")),
        name=str(meta.get("name", "")),
        kind=str(spec.get("class", "Inference")),
        priority=int(spec.get("priority") or 0),
        created=moment(meta.get("creationTimestamp")) or _EPOCH,
        rules=rules_of(spec),
        replicas=demand.replicas,
        min_replicas=demand.min_replicas,
        gpus_per_replica=demand.gpus_per_replica,
        products=frozenset(gpu.get("products") or ()),
        memory_gib=int(gpu.get("memoryGiB") or 0),
        confidential_required=gpu.get("confidential") == "Required",
        splittable=demand.splittable,
        gang=demand.gang,
        running=dict(running or {}),
        refusals=dict(refusals or {}),
        avoid_units=frozenset(avoid_units),
    )
    return _with_limits(_with_data(_with_wishes(view, spec), spec), spec, demand, now)


def _with_wishes(view: WorkloadView, spec: Body) -> WorkloadView:
    """What `placement` says."""
    placement = block(spec, "placement")
    spread, latency = block(placement, "spread"), block(placement, "latency")
    regions = latency.get("regions")
    return replace(
        view,
        spread_over=spread.get("over"),
        spread_max_per_domain=spread.get("maxPerDomain"),
        latency_regions=frozenset(regions) if regions else None,
        latency_max_ms=latency.get("maxMilliseconds"),
        weights={**DEFAULT_WEIGHTS, **{k: int(v) for k, v in block(placement, "weights").items()}},
    )


def _with_data(view: WorkloadView, spec: Body) -> WorkloadView:
    """Where data lies, and the volumes of its own."""
    volumes = spec.get("storage") or ()
    data = block(spec, "sovereignty", "data")
    encrypt = bool(data.get("encryptedAtRest"))
    return replace(
        view,
        data=_sources(data.get("sources") or ()),
        storage_gib=_size(volumes),
        encrypted_storage_gib=_size(v for v in volumes if v.get("encryptedAtRest", encrypt)),
        storage_by_class_gib={c: _size(v for v in volumes if v.get("class") == c) for c in _classes(volumes)},
    )


def _with_limits(view: WorkloadView, spec: Body, demand: Demand, now: datetime) -> WorkloadView:
    """What `budget` and the deadline allow."""
    budget, job = block(spec, "budget"), block(spec, "batch")
    hours, deadline = decimal(job.get("estimatedGPUHours")), moment(job.get("deadline"))
    return replace(
        view,
        runs_until=_end(now, demand, hours, deadline),
        deadline=deadline,
        estimated_gpu_hours=hours,
        max_price_per_gpu_hour=_price_limit(budget, demand),
        budget_currency=str(budget.get("currency") or "EUR"),
        max_grams_per_kwh=budget.get("maxGramsPerKWh"),
        unmeasured_limits=tuple(limit for limit in _UNMEASURED if limit in budget),
    )


def _sources(sources: Iterable[Mapping[str, Any]]) -> tuple[DataSource, ...]:
    return tuple(DataSource(str(s["unit"]), int(s.get("sizeGiB") or 0)) for s in sources if s.get("unit"))


def _size(volumes: Iterable[Mapping[str, Any]]) -> int:
    return sum(int(v.get("sizeGiB") or 0) for v in volumes)


def _classes(volumes: Iterable[Mapping[str, Any]]) -> list[str]:
    return sorted({str(v["class"]) for v in volumes if v.get("class")})


def _price_limit(budget: Body, demand: Demand) -> Decimal | None:
    """The lower of the limit per GPU-hour and the limit on all replicas together, spread over their GPUs."""
    limits = [decimal(budget.get("maxPricePerGPUHour"))]
    together = decimal(budget.get("maxPricePerHour"))
    if together is not None and demand.gpus:
        limits.append(together / demand.gpus)
    return min((limit for limit in limits if limit is not None), default=None)


def _end(now: datetime, demand: Demand, hours: Decimal | None, deadline: datetime | None) -> datetime | None:
    """When a batch is done: by its deadline, else when its work is done at full parallelism; None: no end known."""
    if deadline is not None or hours is None:
        return deadline
    return now + timedelta(hours=min(_LONGEST_RUN_HOURS, float(hours) / max(1, demand.gpus)))
