"""What the API server makes of our CRDs: columns, scale, selectors, default status, and what kubectl explains."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from manifests import SAMPLES, changed, documents
from policloud.testing.controlplane import ControlPlane, ControlPlaneError

NAMESPACE = "served"


@pytest.fixture(scope="module")
def server(api_server: ControlPlane) -> ControlPlane:
    api_server.kubectl("create", "namespace", NAMESPACE)
    return api_server


def _apply(server: ControlPlane, kind: str, name: str, changes: dict[str, Any] | None = None) -> dict[str, Any]:
    found = next(d for p in sorted((SAMPLES / "reference").glob("*.yaml")) for d in documents(p) if d["kind"] == kind)
    manifest = {**changed(found, changes or {}), "metadata": {"name": name, "namespace": NAMESPACE}}
    said = server.kubectl("create", "-o", "json", "-f", "-", input=yaml.safe_dump(manifest))
    body: dict[str, Any] = json.loads(said)
    return body


def test_nobody_takes_a_new_object_for_ready(server: ControlPlane) -> None:
    body = _apply(server, "PolicloudUnit", "unseen")
    assert body["status"]["observedGeneration"] == -1
    ready = next(c for c in body["status"]["conditions"] if c["type"] == "Ready")
    assert (ready["status"], ready["reason"], ready["observedGeneration"]) == ("Unknown", "PendingEvaluation", -1)
    with pytest.raises(ControlPlaneError, match="timed out waiting"):
        server.kubectl("wait", "--for=condition=Ready", "--timeout=1s", "-n", NAMESPACE, "pcu/unseen")


def test_defaults_that_are_part_of_the_contract_are_written(server: ControlPlane) -> None:
    spec = _apply(server, "SovereignWorkload", "defaults", {"spec.priority": {}, "spec.placement.mobility": {}})["spec"]
    assert (spec["priority"], spec["placement"]["mobility"]) == (500, "Preferred")
    assert (
        "confidential"
        not in _apply(server, "SovereignWorkload", "absent", {"spec.gpu.confidential": {}})["spec"]["gpu"]
    )


def test_templates_keep_fields_that_we_do_not_know(server: ControlPlane) -> None:
    spec = _apply(server, "SovereignWorkload", "template")["spec"]
    assert spec["inference"]["template"]["spec"]["containers"][0]["name"] == "server"


def test_scale_changes_replicas(server: ControlPlane) -> None:
    _apply(server, "SovereignWorkload", "scaled")
    server.kubectl("scale", "-n", NAMESPACE, "swl/scaled", "--replicas=4")
    assert server.kubectl("get", "-n", NAMESPACE, "swl/scaled", "-o", "jsonpath={.spec.inference.replicas}") == "4"
    with pytest.raises(ControlPlaneError, match="minReplicas 2 must not be greater than replicas 1"):
        server.kubectl("scale", "-n", NAMESPACE, "swl/scaled", "--replicas=1")


def test_fields_can_be_selected(server: ControlPlane) -> None:
    _apply(server, "EnergySource", "wind")
    wind = server.kubectl("get", "esrc", "-n", NAMESPACE, "--field-selector=spec.type=Wind", "-o", "name")
    solar = server.kubectl("get", "esrc", "-n", NAMESPACE, "--field-selector=spec.type=Solar", "-o", "name")
    assert (wind.strip(), solar.strip()) == ("energysource.policloud.io/wind", "")


@pytest.mark.parametrize(
    ("short", "columns"),
    [
        ("pcu", "NAME READY REASON SOURCE POWER GPUS CARBON WORKLOADS LAST SEEN AGE"),
        ("esrc", "NAME READY REASON TYPE POWER QUALITY CARBON PRICE/KWH AGE"),
        ("swl", "NAME READY REASON REPLICAS UNITS POWER AGE"),
        ("smb", "NAME READY REASON REACHABLE ACCEPTED PAUSED UNITS LAST SEEN AGE"),
        ("offer", "NAME UNIT WORKLOAD VERDICT STATE REASON REPLICAS GRANTED WATTS AGE"),
        ("mandate", "NAME READY REASON WORKLOADS GPUS WATTS AGE"),
    ],
)
def test_columns(server: ControlPlane, short: str, columns: str) -> None:
    kinds = {
        "pcu": "PolicloudUnit", "esrc": "EnergySource", "swl": "SovereignWorkload",
        "smb": "SiteMembership", "offer": "WorkOffer", "mandate": "SiteMandate",
    }  # fmt: skip
    _apply(server, kinds[short], "columns")
    header = server.kubectl("get", short, "columns", "-n", NAMESPACE).splitlines()[0]
    assert " ".join(header.split()) == columns


def test_one_word_shows_them_all(server: ControlPlane) -> None:
    _apply(server, "SiteMandate", "all")
    assert "sitemandate.policloud.io/all" in server.kubectl("get", "policloud", "-n", NAMESPACE)


EXPLAINED = [
    ("pcu", "A micro data centre: place, owners, electrical tree, GPU pools, heat."),
    ("pcu.spec.electrical.limitWatts", "Most that the whole unit may draw, in watts; never exceeded."),
    (
        "pcu.spec.pools.power.failSafeWatts",
        "Cap that a node falls back to alone, in watts; between minWatts and maxWatts.",
    ),
    ("esrc.spec.telemetry.staleAfterSeconds", "Without news for so long, power is not raised any more."),
    ("swl.spec.class", "Inference, Batch or VirtualMachine: which of the blocks below is set. Cannot be changed."),
    ("swl.spec.sovereignty.ownership.maxForeignShareEachPercent", 'Most that one foreign owner may hold, e.g. "24".'),
    ("smb.spec.accepted", "The site may join and stay. False takes away its access within 15 s."),
    ("offer.spec.release.mode", "Drain: with the notice of the workload. Stop: at once."),
    ("mandate.spec.tenants", "Who is let in. None listed: nobody."),
]


@pytest.mark.parametrize(("path", "says"), EXPLAINED, ids=[e[0] for e in EXPLAINED])
def test_explain(server: ControlPlane, path: str, says: str) -> None:
    assert says in " ".join(server.kubectl("explain", path).split())


@pytest.mark.parametrize("short", ["pcu", "esrc", "swl", "smb", "offer", "mandate"])
def test_explain_has_words_for_every_field(server: ControlPlane, short: str) -> None:
    for part in ("spec", "status"):
        assert "<no description>" not in server.kubectl("explain", f"{short}.{part}")
