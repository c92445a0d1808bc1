"""Reading a cluster, and waiting for a condition of it: no scenario sleeps for a time of its own choice."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable

import waiting
from e2elab.cluster import NAMESPACE, Body, Cluster
from waiting import Found

_POLL_SECONDS = 0.2
_LONGEST_POLL_SECONDS = 0.6  # looking costs a good part of a core
# On kind, waits are those that users have, and five nodes share the cores: longer before it is called a failure
_PATIENCE = {"kind": 3.0}.get(os.environ.get("CLUSTER", ""), 1.0)


def get(cluster: Cluster, kind: str, name: str, namespace: str = NAMESPACE) -> Body | None:
    """The object, or None if there is none."""
    text = cluster.kubectl("get", kind, name, "-n", namespace, "-o", "json", "--ignore-not-found")
    return json.loads(text) if text.strip() else None


def listed(cluster: Cluster, kind: str, *selection: str) -> list[Body]:
    """Of all namespaces, unless `selection` says otherwise (`-n`, name, or `-l`, labels)."""
    where = () if "-n" in selection else ("-A",)
    items: list[Body] = json.loads(cluster.kubectl("get", kind, *where, *selection, "-o", "json"))["items"]
    return items


def condition(body: Body | None, type_: str) -> Body:
    entries = ((body or {}).get("status") or {}).get("conditions") or ()
    return next((dict(entry) for entry in entries if entry["type"] == type_), {})


def is_true(body: Body | None, type_: str) -> bool:
    return condition(body, type_).get("status") == "True"


def until(look: Callable[[], Found], seconds: float, *, what: str, seen: Callable[[], object] | None = None) -> Found:
    """What `look` finds once that is true. AssertionError says `what` was waited for, and what was `seen` instead.

    `seconds` are those of a cluster of processes; on kind it waits longer.
    """
    return waiting.until(look, what, seconds * _PATIENCE, seen, slowest=_LONGEST_POLL_SECONDS)


def stays(look: Callable[[], object], seconds: float, *, what: str, every: float = _POLL_SECONDS) -> None:
    """It holds now and for so long: for what must not happen, there is no event to wait for."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert look(), f"did not hold: {what}"
        time.sleep(every)
