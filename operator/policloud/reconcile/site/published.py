"""What the hub may see of a unit: the blocks that its owner publishes, and a status worth writing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from policloud.api.names import MANAGED_BY, MANAGED_BY_LABEL, SITE_LABEL
from policloud.api.resources import POLICLOUD_UNIT
from policloud.ports import Body

_BLOCKS: Final = ("ownership", "certifications", "exposures", "storage", "networkPolicy")
_ALWAYS: Final = ("country", "subdivision")  # of the location: no rule of law could be judged without
_PRIVATE_STATUS: Final = frozenset({"hub", "energy", "observedGeneration"})
_POWER: Final = ("limitWatts", "availableWatts", "usedWatts", "freeWatts")
_STEP_PERCENT: Final = 5  # of the unit's limit: smaller changes of power are no news


def publishes(unit: Body) -> bool:
    """Whether the owner lets the hub see this unit at all."""
    spec = unit.get("spec") or {}
    return bool((spec.get("federation") or {}).get("publish")) and not spec.get("published")


def published_copy(unit: Body, namespace: str, site: str) -> Body:
    """The object that the site keeps in its namespace on the hub; no electrical tree, heat, policy or cooling."""
    spec = unit["spec"]
    shown = frozenset(spec["federation"]["publish"])
    location = spec["location"]
    copy: dict[str, Any] = {
        "published": True,
        "model": spec["model"],
        "location": location if "location" in shown else {k: location[k] for k in _ALWAYS if k in location},
        "operator": spec["operator"],
        "pools": [_pool(pool) for pool in spec["pools"]],
        "federation": {"publish": spec["federation"]["publish"]},
    }
    copy |= {name: spec[name] for name in _BLOCKS if name in shown and name in spec}
    return {
        "apiVersion": POLICLOUD_UNIT.api_version,
        "kind": POLICLOUD_UNIT.kind,
        "metadata": {
            "name": unit["metadata"]["name"],
            "namespace": namespace,
            "labels": {MANAGED_BY_LABEL: MANAGED_BY, SITE_LABEL: site},
        },
        "spec": copy,
    }


def published_status(unit: Body, generation: int) -> dict[str, Any]:
    """The unit's status without what is the site's own business. `generation`: of the copy on the hub."""
    status: dict[str, Any] = dict(unit.get("status") or {})
    shown = frozenset(((unit.get("spec") or {}).get("federation") or {}).get("publish") or ())
    copy = {name: value for name, value in status.items() if name not in _PRIVATE_STATUS}
    if "power" in copy:
        copy["power"] = {name: copy["power"][name] for name in _POWER if copy["power"].get(name) is not None}
    if energy := _energy(status.get("energy") or {}, shown):
        copy["energy"] = energy
    copy["conditions"] = [{**c, "observedGeneration": generation} for c in status.get("conditions") or []]
    return {**copy, "observedGeneration": generation}


def is_news(told: Mapping[str, Any] | None, status: Mapping[str, Any]) -> bool:
    """Whether the hub should hear of it: anything but power that moved by less than a twentieth of the limit.

    Free power that appears or vanishes (crosses zero) is always news.
    """
    if told is None or _without_power(told) != _without_power(status):
        return True
    before, after = told.get("power") or {}, status.get("power") or {}
    if before.keys() != after.keys() or before.get("limitWatts") != after.get("limitWatts"):
        return True
    if (int(before.get("freeWatts") or 0) > 0) != (int(after.get("freeWatts") or 0) > 0):
        return True
    step = max(1, int(after.get("limitWatts") or after.get("availableWatts") or 0) * _STEP_PERCENT // 100)
    return any(abs(int(before[name]) - int(after[name])) >= step for name in after)


def urgent(told: Mapping[str, Any] | None, status: Mapping[str, Any]) -> bool:
    """Whether it may not wait for its turn: the first status, or a condition that flipped."""
    return told is None or _verdicts(told) != _verdicts(status)


def _pool(pool: Mapping[str, Any]) -> dict[str, Any]:
    copy = {name: pool[name] for name in ("name", "gpu", "phase") if name in pool}
    return {**copy, "power": {"maxWatts": pool["power"]["maxWatts"]}}


def _energy(energy: Mapping[str, Any], shown: frozenset[str]) -> dict[str, Any]:
    names = (("source", "pricePerKWh", "currency") if "energy" in shown else ()) + (
        ("gramsPerKWh",) if "carbon" in shown else ()
    )
    return {name: energy[name] for name in names if energy.get(name) is not None}


def _without_power(status: Mapping[str, Any]) -> dict[str, Any]:
    """For comparison: times and texts that only repeat the power figures left out too."""
    rest = {name: value for name, value in status.items() if name not in ("power", "conditions")}
    if summary := rest.get("summary"):
        rest["summary"] = {name: value for name, value in summary.items() if name != "power"}
    rest["conditions"] = _verdicts(status)
    return rest


def _verdicts(status: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    return [(c.get("type"), c.get("status"), c.get("reason")) for c in status.get("conditions") or []]
