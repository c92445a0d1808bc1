"""Conditions as data: what a reconciler concludes, and how it merges into what an object already says."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Status = Literal["True", "False", "Unknown"]


@dataclass(frozen=True, slots=True)
class Condition:
    """A metav1 condition without its times: times belong to the merge, not to the verdict."""

    type: str
    status: Status
    reason: str
    message: str = ""

    @property
    def is_true(self) -> bool:
        return self.status == "True"


def merge(
    existing: Iterable[dict[str, object]],
    wanted: Iterable[Condition],
    *,
    generation: int,
    now: str,
) -> list[dict[str, object]]:
    """The conditions list to write: `wanted` over `existing`.

    `lastTransitionTime` moves only when the status flips (Kubernetes API conventions); `now` is RFC 3339.
    Conditions of other types are not carried over: each field manager applies its own only.
    """
    before = {str(c.get("type")): c for c in existing}
    merged: list[dict[str, object]] = []
    for c in wanted:
        old = before.get(c.type)
        same = old is not None and old.get("status") == c.status
        merged.append(
            {
                "type": c.type,
                "status": c.status,
                "reason": c.reason,
                "message": c.message[:32768],
                "observedGeneration": generation,
                "lastTransitionTime": old.get("lastTransitionTime", now) if same and old else now,
            }
        )
    return merged


def find(conditions: Iterable[dict[str, object]], type_: str) -> Condition | None:
    """The condition of that type in a raw list, if it is there."""
    for c in conditions:
        if c.get("type") == type_:
            status = str(c.get("status"))
            known: Status = "True" if status == "True" else "False" if status == "False" else "Unknown"
            return Condition(type_, known, str(c.get("reason", "")), str(c.get("message", "")))
    return None
