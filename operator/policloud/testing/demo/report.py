"""build/demo/report.json: units, workloads with place and reason, scenes with what was checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from policloud.cli.fleet import Fleet, unit_rows, workload_rows
from policloud.cli.top import unit_document, workload_document
from policloud.testing.demo.scene import Scene
from policloud.testing.demo.script import all_hold
from policloud.testing.demo.stage import TIME_SCALE


def report(hub: Fleet, sites: Mapping[str, Fleet], played: list[Scene], seconds: Mapping[str, float]) -> dict[str, Any]:
    """The document; `seconds` has `bringUp`, `scenes` and `total`."""
    local = {
        site: [workload_document(r) for r in workload_rows(f.workloads) if not r.namespace.startswith("fed-")]
        for site, f in sites.items()
    }
    return {
        "apiVersion": "demo.policloud.io/v1",
        "ok": all_hold(played),
        "timeScale": TIME_SCALE,
        "seconds": {k: round(v, 1) for k, v in seconds.items()},
        "units": [unit_document(r) for r in unit_rows(hub)],
        "workloads": [workload_document(r) for r in workload_rows(hub.workloads)],
        "localWorkloads": {site: rows for site, rows in local.items() if rows},
        "scenes": [s.as_dict() for s in played],
    }


def write(path: Path, body: Mapping[str, Any]) -> None:
    """Whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(body, indent=2, ensure_ascii=False) + "\n")
    fresh.replace(path)
