"""The Grafana dashboard of one process: a panel a question."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

_JOB: Final = 'namespace="$namespace", job="policloud-%s-probe"'
# title → (PromQL with %s for the labels, unit, legend)
_PANELS: Final[Mapping[str, tuple[str, str, str]]] = {
    "Reconciles a second": (
        "sum by (controller) (rate(controller_runtime_reconcile_total{%s}[5m]))",
        "ops",
        "{{controller}}",
    ),
    "Reconciles that fail": (
        "sum by (controller) (rate(controller_runtime_reconcile_errors_total{%s}[5m]))",
        "ops",
        "{{controller}}",
    ),
    "Length of a reconcile, p99": (
        "histogram_quantile(0.99, sum by (le) (rate(controller_runtime_reconcile_time_seconds_bucket{%s}[5m])))",
        "s",
        "all",
    ),
    "Keys waiting": ("sum by (name) (workqueue_depth{%s})", "short", "{{name}}"),
    "Waiting time, p99": (
        "histogram_quantile(0.99, sum by (name, le) (rate(workqueue_queue_duration_seconds_bucket{%s}[5m])))",
        "s",
        "{{name}}",
    ),
    "Requests to API servers": (
        "sum by (code, method) (rate(rest_client_requests_total{%s}[5m]))",
        "reqps",
        "{{method}} {{code}}",
    ),
    "Delay of the event loop": ("max by (pod) (policloud_loop_lag_seconds{%s})", "s", "{{pod}}"),
    "Watches started anew": ("sum by (pod) (increase(policloud_watch_restarts_total{%s}[1h]))", "short", "{{pod}}"),
    "Objects in memory": ("sum by (kind) (policloud_store_objects{%s})", "short", "{{kind}}"),
    "Resident memory": ("process_resident_memory_bytes{%s}", "bytes", "{{pod}}"),
    "Processor": ("rate(process_cpu_seconds_total{%s}[5m])", "short", "{{pod}}"),
    "Who leads": ("leader_election_master_status{%s}", "short", "{{pod}}"),
}


def render(component: str) -> str:
    """The file."""
    labels = _JOB % component
    panels = [_panel(number, title, labels) for number, title in enumerate(_PANELS)]
    data = {
        "uid": f"policloud-{component}",
        "title": f"policloud {component}",
        "tags": ["policloud"],
        "schemaVersion": 39,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [_source(), _namespace()]},
        "panels": panels,
    }
    return json.dumps(data, indent=1) + "\n"


def _panel(number: int, title: str, labels: str) -> dict[str, Any]:
    query, unit, legend = _PANELS[title]
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": title,
        "datasource": {"type": "prometheus", "uid": "$datasource"},
        "gridPos": {"h": 8, "w": 8, "x": number % 3 * 8, "y": number // 3 * 8},
        "fieldConfig": {"defaults": {"unit": unit}, "overrides": []},
        "targets": [{"refId": "A", "expr": query % labels, "legendFormat": legend}],
    }


def _source() -> dict[str, Any]:
    return {"name": "datasource", "type": "datasource", "query": "prometheus"}


def _namespace() -> dict[str, Any]:
    query = "label_values(policloud_build_info, namespace)"
    source = {"type": "prometheus", "uid": "$datasource"}
    return {"name": "namespace", "type": "query", "datasource": source, "query": query, "refresh": 2}
