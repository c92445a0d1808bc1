"""What the owner lets the federation use: evaluated at the site, never sent to the hub."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum

from policloud.domain.federation.offers import Grant

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True, slots=True)
class Tenant:
    """One tenant of one hub; None means no limit of its own."""

    hub: str
    tenant: str
    max_gpus: int | None = None
    max_watts: int | None = None


@dataclass(frozen=True, slots=True)
class Hours:
    """Days (Monday is 0) and minutes of the day, local to the unit; `to` is exclusive and may be 1440."""

    days: frozenset[int]
    start: int
    to: int


@dataclass(frozen=True, slots=True)
class Mandate:
    name: str
    tenants: tuple[Tenant, ...]
    classes: frozenset[str] | None = None  # None: any
    data_classifications: frozenset[str] | None = None
    image_registries: tuple[str, ...] | None = None
    hours: tuple[Hours, ...] | None = None
    max_gpus_percent: int | None = None
    max_watts: int | None = None
    min_battery_percent: int | None = None
    notice: timedelta = timedelta(seconds=0)

    def tenant(self, hub: str, tenant: str) -> Tenant | None:
        return next((t for t in self.tenants if t.hub == hub and t.tenant == tenant), None)


@dataclass(frozen=True, slots=True)
class Request:
    """Work from the federation, as a mandate looks at it."""

    hub: str
    tenant: str
    class_: str
    classification: str
    images: tuple[str, ...]
    gpus_per_replica: int
    watts_per_replica: int
    replicas: int
    min_replicas: int = 1  # below this nothing is worth admitting (gang: all)


@dataclass(frozen=True, slots=True)
class SiteUse:
    """The site now. `held` is without the work that is being judged; `batteries` are charges, None: unknown."""

    total_gpus: int
    held: Mapping[tuple[str, str], Grant]  # (hub, tenant) -> what is held for it
    batteries: tuple[int | None, ...] = ()


class Barrier(StrEnum):
    """Why a mandate does not admit. The time-bound ones stop new work only."""

    NO_MANDATE = "NoMandate"
    TENANT = "Tenant"
    CLASS = "Class"
    DATA = "DataClassification"
    IMAGE = "ImageRegistry"
    HOURS = "Hours"
    BATTERY = "Battery"
    GPUS = "MaxGPUs"
    WATTS = "MaxWatts"


@dataclass(frozen=True, slots=True)
class Admission:
    """The best any mandate offers. `replicas` may be fewer than asked (a counter-offer), 0 with a barrier."""

    replicas: int
    mandate: str = ""
    barrier: Barrier | None = None
    message: str = ""
    until: datetime | None = None


def admit(mandates: Iterable[Mandate], request: Request, use: SiteUse, *, now: datetime, zone: tzinfo) -> Admission:
    """One mandate must admit the work; several are not added together. None at all: nothing is accepted."""
    best = Admission(0, barrier=Barrier.NO_MANDATE, message="this site has no mandate for work of a federation")
    for mandate in sorted(mandates, key=lambda m: m.name):
        one = _admit(mandate, request, use, now=now, zone=zone)
        if one.replicas > best.replicas or (not best.replicas and _nearer(one, best)):
            best = one
    return best


def consent(mandate: Mandate, request: Request) -> Admission:
    """The part of a mandate that is consent, not quantity or time: tenant, class, data class, images."""
    for barrier, message in _consent_barriers(mandate, request):
        return Admission(0, mandate.name, barrier, message)
    return Admission(request.replicas, mandate.name)


def registry_of(image: str) -> str:
    """The host of an image reference, as container runtimes read it; docker.io where none is written."""
    head, slash, _ = image.partition("/")
    return head if slash and ("." in head or ":" in head or head == "localhost") else "docker.io"


def image_allowed(image: str, registries: Sequence[str]) -> bool:
    """Whether an image comes from one of the registries (`host` or `host/path`, matched by whole path segments)."""
    head, slash, _ = image.partition("/")
    full = image if slash and registry_of(image) == head else f"docker.io/{image}"
    return any(full.startswith(r.rstrip("/") + "/") for r in registries)


def open_at(hours: Sequence[Hours] | None, now: datetime, zone: tzinfo) -> bool:
    """Whether the local time lies in one of the windows; None: always."""
    if hours is None:
        return True
    local = now.astimezone(zone)
    minute = local.hour * 60 + local.minute
    return any(local.weekday() in h.days and h.start <= minute < h.to for h in hours)


def opens_at(hours: Sequence[Hours], now: datetime, zone: tzinfo) -> datetime | None:
    """The next local quarter of an hour within a week at which a window is open; None if there is none."""
    step = timedelta(minutes=15)
    moment = now.replace(minute=now.minute // 15 * 15, second=0, microsecond=0)
    for _ in range(7 * 24 * 4 + 1):
        moment += step
        if open_at(hours, moment, zone):
            return moment
    return None


def _consent_barriers(mandate: Mandate, request: Request) -> Iterable[tuple[Barrier, str]]:
    who = f"tenant {request.tenant} of hub {request.hub}"
    if mandate.tenant(request.hub, request.tenant) is None:
        yield Barrier.TENANT, f"{who} is not in mandate {mandate.name}"
    if mandate.classes is not None and request.class_ not in mandate.classes:
        yield Barrier.CLASS, f"mandate {mandate.name} does not admit class {request.class_}"
    if mandate.data_classifications is not None and request.classification not in mandate.data_classifications:
        yield Barrier.DATA, f"mandate {mandate.name} does not admit {request.classification} data"
    if mandate.image_registries is not None:
        for image in request.images:
            if not image_allowed(image, mandate.image_registries):
                allowed = ", ".join(mandate.image_registries) or "none"
                yield Barrier.IMAGE, f"image {image} is not from a registry of mandate {mandate.name} ({allowed})"


def _time_barriers(
    mandate: Mandate, use: SiteUse, now: datetime, zone: tzinfo
) -> Iterable[tuple[Barrier, str, datetime | None]]:
    if mandate.hours is not None and not open_at(mandate.hours, now, zone):
        yield Barrier.HOURS, f"mandate {mandate.name} is closed at this hour", opens_at(mandate.hours, now, zone)
    floor = mandate.min_battery_percent
    if floor is not None and any(charge is None or charge < floor for charge in use.batteries):
        lowest = min((c for c in use.batteries if c is not None), default=None)
        shown = "unknown" if lowest is None or None in use.batteries else f"{lowest} %"
        yield Barrier.BATTERY, f"battery is at {shown}, mandate {mandate.name} wants {floor} %", None


def _admit(mandate: Mandate, request: Request, use: SiteUse, *, now: datetime, zone: tzinfo) -> Admission:
    agreed = consent(mandate, request)
    if not agreed.replicas:
        return agreed
    for closed, why, until in _time_barriers(mandate, use, now, zone):
        return Admission(0, mandate.name, closed, why, until)
    room, barrier, message = _room(mandate, request, use)
    if room < max(1, request.min_replicas):
        return Admission(0, mandate.name, barrier, message)
    return Admission(min(room, request.replicas), mandate.name, barrier if room < request.replicas else None, message)


def _room(mandate: Mandate, request: Request, use: SiteUse) -> tuple[int, Barrier | None, str]:
    """How many replicas the quantities of a mandate leave, and what is the tightest."""
    tenant = mandate.tenant(request.hub, request.tenant)
    mine = use.held.get((request.hub, request.tenant), Grant())
    listed = {(t.hub, t.tenant) for t in mandate.tenants}
    gpus = sum(g.gpus for who, g in use.held.items() if who in listed)
    watts = sum(g.watts for who, g in use.held.items() if who in listed)
    limits: list[tuple[int, int, int, Barrier, str]] = []
    if tenant and tenant.max_gpus is not None:
        limits.append((tenant.max_gpus, mine.gpus, request.gpus_per_replica, Barrier.GPUS, "GPUs of the tenant"))
    if tenant and tenant.max_watts is not None:
        limits.append((tenant.max_watts, mine.watts, request.watts_per_replica, Barrier.WATTS, "W of the tenant"))
    if mandate.max_gpus_percent is not None:
        cap = use.total_gpus * mandate.max_gpus_percent // 100
        limits.append((cap, gpus, request.gpus_per_replica, Barrier.GPUS, "GPUs of the mandate"))
    if mandate.max_watts is not None:
        limits.append((mandate.max_watts, watts, request.watts_per_replica, Barrier.WATTS, "W of the mandate"))
    room = request.replicas
    barrier: Barrier | None = None
    message = ""
    for cap, used, each, kind, what in limits:
        fits = max(0, cap - used) // each if each else request.replicas
        if fits < room:
            room, barrier = fits, kind
            message = f"mandate {mandate.name}: {used} of {cap} {what} are held, a replica needs {each} more"
    return room, barrier, message


_ORDER = {b: n for n, b in enumerate(Barrier)}


def _nearer(one: Admission, other: Admission) -> bool:
    """Whether a no is closer to a yes than another: it failed a later check."""
    return _ORDER[one.barrier or Barrier.NO_MANDATE] > _ORDER[other.barrier or Barrier.NO_MANDATE]


def admit_quantity(mandate: Mandate, request: Request, use: SiteUse) -> tuple[int, str]:
    """Replicas that the quantities of a mandate leave room for, and what is tightest, in words."""
    room, _, message = _room(mandate, request, use)
    return room, message
