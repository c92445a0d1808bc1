"""What people see, to the letter: top, why, tree. And what programs get."""

from __future__ import annotations

import asyncio
import json

import yaml

from clifleet import fill, hub, invoke, offer
from policloud.api.resources import SOVEREIGN_WORKLOAD

TOP = """\
SITE    UNIT      READY    SOURCE       AVAILABLE   USED    GPUS  G/KWH  WORKLOADS
cannes  cannes-1  True     grid-cannes      74 kW  26 kW  12/104     46          3
texas   texas-1   Unknown  grid-texas       74 kW  26 kW  12/104     46          3

NAMESPACE  NAME     READY  REASON            REPLICAS  UNITS        POWER  AGE
sante-06   triage   True   Running                2/2  cannes-1×2   700 W   0s
sante-06   waiting  False  WaitingForEnergy       0/2  -              0 W   0s
"""

WHY = """\
sante-06/waiting: Inference, 2 × 1 GPU, priority 800
Ready: False WaitingForEnergy
  No unit has the watts.

Units: 1 of 3 fit by law, decided 08:55Z on snapshot sha256:3f0a
UNIT      VERDICT  REASON              MEASURED  REQUIRED  MARGIN   EARLIEST
cannes-1  NotNow   InsufficientPower   400 W     1800 W    -1400 W  11:30Z
texas-1   Never    LocationNotAllowed  US        [FR]      -        -
1 more unit (LocationNotAllowed 1): --all lists it

In words
  InsufficientPower: not enough watts now; `earliest` is when the forecast has them
  LocationNotAllowed: the unit stands outside sovereignty.location; only an edit of the law changes that

Any one of these would place it:
  - allow US in sovereignty.location: texas-1
"""

TREE = """\
fleet 2 sites  2 units, 208 GPUs, 2 workloads
├── ✗ site texas  LeaseExpired, seen 2s ago
│   └── ? unit texas-1  12/104 GPUs, 26 kW of 74 kW, 46 g/kWh, LeaseExpired
├── ✓ site 1  cannes (--all unfolds)
├── ✗ workload sante-06/waiting  WaitingForEnergy, 0/2 replicas, placed nowhere
└── ✓ workload 1  sante-06/triage (--all unfolds)
"""


def squeezed(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_top_aligns_units_and_workloads() -> None:
    result = invoke(hub(), "top")
    assert result.exit_code == 0, result.output
    assert squeezed(result.output) == squeezed(TOP)
    assert "\x1b" not in result.output  # no colours in a pipe


def test_top_columns_line_up() -> None:
    lines = invoke(hub(), "top", "units").output.splitlines()
    assert {line.index(word) for line, word in zip(lines, ("READY", "True", "Unknown"), strict=True)} == {18}


def test_why_says_verdict_reason_margin_and_what_would_help() -> None:
    result = invoke(hub(), "why", "sante-06/waiting")
    assert result.exit_code == 0, result.output
    assert result.output == WHY


def test_why_shows_where_it_runs() -> None:
    output = invoke(hub(), "why", "sante-06/triage", "-o", "wide").output
    assert ["cannes-1", "cannes", "2/2", "Running", "700", "W", "12m", "triage-7c1e09af"] in squeezed(output)


def test_why_all_computes_every_unit_now() -> None:
    rows = json.loads(invoke(hub(), "why", "sante-06/waiting", "--all", "-o", "json").output)["decision"]["units"]
    assert {(r["unit"], r["verdict"]) for r in rows} == {("cannes-1", "Fits"), ("texas-1", "Never")}


def test_tree_folds_what_is_healthy() -> None:
    result = invoke(hub(), "tree")
    assert result.exit_code == 0, result.output
    assert result.output == TREE


def test_tree_of_a_workload_shows_its_offers() -> None:
    cluster = hub()
    before = json.loads(invoke(cluster, "tree", "sante-06/triage", "-o", "json").output)["root"]
    assert [c["kind"] for c in before["children"]] == ["placement"]
    triage = asyncio.run(cluster.get(SOVEREIGN_WORKLOAD, "sante-06", "triage"))
    fill(cluster, [offer("triage-7c1e09af", triage["metadata"]["uid"])])
    root = json.loads(invoke(cluster, "tree", "sante-06/triage", "-o", "json").output)["root"]
    assert [(c["kind"], c["ready"]) for c in root["children"]] == [("offer", "True")]


def test_documents_name_their_kind_and_carry_units_in_their_keys() -> None:
    for arguments, kind in ((("top",), "Top"), (("tree",), "Tree"), (("why", "sante-06/triage"), "Why")):
        body = json.loads(invoke(hub(), *arguments, "-o", "json").output)
        assert (body["apiVersion"], body["kind"]) == ("cli.policloud.io/v1", kind)
        assert yaml.safe_load(invoke(hub(), *arguments, "-o", "yaml").output) == body
    unit = json.loads(invoke(hub(), "top", "units", "-o", "json").output)["units"][0]
    assert unit["availableWatts"] == 74100
    assert unit["gramsPerKWh"] == 46


def test_names_are_one_a_line() -> None:
    assert invoke(hub(), "top", "workloads", "-o", "name").output.split() == [
        "sovereignworkload/sante-06/triage",
        "sovereignworkload/sante-06/waiting",
    ]
