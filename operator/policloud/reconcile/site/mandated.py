"""SiteMandates of this site as values, and what is held under them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, timedelta, tzinfo
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from policloud.api.resources import ENERGY_SOURCE, SITE_MANDATE
from policloud.domain.federation.answers import images_of
from policloud.domain.federation.held import Held
from policloud.domain.federation.mandate import DAYS, Hours, Mandate, Request, SiteUse, Tenant
from policloud.domain.federation.offers import Demand, Grant
from policloud.ports import Body
from policloud.runtime.store import Store


def mandates(store: Store, namespace: str) -> list[Mandate]:
    """Those in force. One that is being deleted admits nothing any more, and drains nothing."""
    bodies = store.list(str(SITE_MANDATE), namespace)
    return [mandate_of(b) for b in bodies if "deletionTimestamp" not in b["metadata"]]


def mandate_of(body: Body) -> Mandate:
    spec = body.get("spec") or {}
    hours = spec.get("hours")
    registries = spec.get("imageRegistries")
    return Mandate(
        name=body["metadata"]["name"],
        tenants=tuple(
            Tenant(t["hub"], t["tenant"], t.get("maxGPUs"), t.get("maxWatts")) for t in spec.get("tenants") or ()
        ),
        classes=_set(spec.get("classes")),
        data_classifications=_set(spec.get("dataClassifications")),
        image_registries=None if registries is None else tuple(registries),
        hours=None if hours is None else tuple(_hours(h) for h in hours),
        max_gpus_percent=spec.get("maxGPUsPercent"),
        max_watts=spec.get("maxWatts"),
        min_battery_percent=spec.get("minBatteryPercent") or None,
        notice=timedelta(seconds=int(spec.get("withdrawalNoticeSeconds", 900))),
    )


def request_of(hub: str, tenant: str, content: Mapping[str, Any], demand: Demand) -> Request:
    """Work as a mandate looks at it. Data without a class counts as Internal."""
    data = (content.get("sovereignty") or {}).get("data") or {}
    each = max(1, demand.replicas)
    return Request(
        hub=hub,
        tenant=tenant,
        class_=str(content.get("class", "Inference")),
        classification=str(data.get("classification", "Internal")),
        images=images_of(content),
        gpus_per_replica=-(-demand.gpus // each),
        watts_per_replica=-(-demand.max_watts // each),
        replicas=demand.replicas,
        min_replicas=demand.replicas if demand.gang else 1,
    )


def use_of(store: Store, held: Iterable[Held], *, total_gpus: int) -> SiteUse:
    """What is held by (hub, tenant). Leave out the record that is being judged."""
    by: dict[tuple[str, str], Grant] = {}
    for h in held:
        who, keep = (h.offer.hub, h.offer.workload.namespace), h.reserved
        known = by.get(who, Grant())
        by[who] = Grant(known.replicas + keep.replicas, known.gpus + keep.gpus, known.watts + keep.watts)
    return SiteUse(total_gpus, by, batteries(store))


def batteries(store: Store) -> tuple[int | None, ...]:
    """State of charge of each battery in percent; None while nothing tells it, which admits nothing under a floor."""
    sources = store.list(str(ENERGY_SOURCE))
    found = [b for b in sources if (b.get("spec") or {}).get("type") == "Battery"]
    return tuple((b.get("status") or {}).get("chargePercent") for b in found)


def zone_of(unit: Body) -> tzinfo:
    """The unit's time zone; UTC where none is stated or this machine does not know it."""
    name = ((unit.get("spec") or {}).get("location") or {}).get("timeZone") or "UTC"
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def _set(values: Iterable[str] | None) -> frozenset[str] | None:
    return None if values is None else frozenset(values)


def _hours(raw: Mapping[str, Any]) -> Hours:
    return Hours(_days(str(raw.get("days", "Mon-Sun"))), _minutes(str(raw["from"])), _minutes(str(raw["to"])))


def _days(text: str) -> frozenset[int]:
    """`Mon-Fri,Sun`; a range may run over the end of the week."""
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        start, end = DAYS.index(first), DAYS.index(last or first)
        found.update((start + n) % 7 for n in range((end - start) % 7 + 1))
    return frozenset(found)


def _minutes(text: str) -> int:
    hours, _, minutes = text.partition(":")
    return int(hours) * 60 + int(minutes)
