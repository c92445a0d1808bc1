"""Wrong input and unhappy servers: one message that says what is wrong and what to do, never a traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from clifleet import Deaf, hub, invoke, workload
from policloud.api.resources import SOVEREIGN_WORKLOAD
from policloud.cli.common import Target, kubeconfig_path
from policloud.cli.errors import CliError
from policloud.cli.main import program_name
from policloud.ports import ApiError, NotFoundError, RejectedError, TransientError, UnauthenticatedError

WRONG = [
    (("why", "sante-06/nothing"), 1, "no SovereignWorkload sante-06/nothing", "sante-06/triage"),
    (("why", "a/b/c"), 1, "'a/b/c' is not NAMESPACE/NAME", "policloud why sante-06/triage-assistant"),
    (("why",), 2, "Missing argument 'NAMESPACE/NAME'", "Usage:"),
    (("tree", "unit/nowhere-1"), 1, "there is no unit 'nowhere-1'", "units here: cannes-1, texas-1"),
    (("tree", "site/atlantis"), 1, "there is no site 'atlantis'", "sites here: cannes, texas"),
    (("tree", "-o", "name"), 2, "'name' is not one of 'table', 'json', 'yaml'", "Usage:"),
    (("top", "everything"), 2, "'everything' is not one of 'all', 'units', 'workloads'", "Usage:"),
    (("top", "--watch", "-o", "json"), 1, "--watch draws tables", "drop one of them"),
    (("top", "--every", "0"), 2, "0.0 is not in the range x>=0.5", "Usage:"),
    (("plan",), 2, "Missing option '-f' / '--filename'", "Usage:"),
    (("plan", "-f", "/nonexistent.yaml"), 1, "cannot read /nonexistent.yaml: No such file", "-f FILE"),
    (("doctor", "-n", "x"), 2, "No such option '-n'", "Usage:"),
    (("completion", "tcsh"), 2, "'tcsh' is not one of 'bash', 'zsh', 'fish'", "Usage:"),
    (("fly",), 2, "No such command 'fly'", "Usage:"),
]


@pytest.mark.parametrize(("arguments", "code", "said", "advice"), WRONG, ids=[" ".join(w[0]) for w in WRONG])
def test_wrong_input_is_answered(arguments: tuple[str, ...], code: int, said: str, advice: str) -> None:
    result = invoke(hub(), *arguments)
    assert result.exit_code == code
    assert said in result.output
    assert advice in result.output
    assert "Traceback" not in result.output


MANIFESTS = [
    ("kind: [unclosed", "is not YAML"),
    ("apiVersion: v1\nkind: Pod\nmetadata: {name: x}", "holds no SovereignWorkload but Pod"),
    ("", "holds no SovereignWorkload but nothing"),
]


@pytest.mark.parametrize(("text", "said"), MANIFESTS, ids=["yaml", "kind", "empty"])
def test_plan_refuses_what_is_no_workload(text: str, said: str) -> None:
    result = invoke(hub(), "plan", "-f", "-", stdin=text)
    assert (result.exit_code, said in result.output) == (1, True), result.output


def test_plan_places_without_writing_and_tells_price_and_grams() -> None:
    cluster = hub()
    writes = len(cluster.writes)
    body = {"apiVersion": SOVEREIGN_WORKLOAD.api_version, "kind": SOVEREIGN_WORKLOAD.kind, **workload("fresh")}
    del body["status"]
    result = invoke(cluster, "plan", "-f", "-", stdin=yaml.safe_dump(body))
    assert result.exit_code == 0, result.output
    assert "would run" in result.output
    assert ["cannes-1", "2", "2"] in [line.split()[:3] for line in result.output.splitlines()]
    assert "LocationNotAllowed" in result.output
    assert len(cluster.writes) == writes


def test_plan_exits_with_3_if_it_would_not_run() -> None:
    body = {
        "apiVersion": SOVEREIGN_WORKLOAD.api_version,
        "kind": SOVEREIGN_WORKLOAD.kind,
        **workload("x", allow=["JP"]),
    }
    del body["status"]
    result = invoke(hub(), "plan", "-f", "-", stdin=yaml.safe_dump(body))
    assert result.exit_code == 3
    assert "would not run in full: 0 of 2 replicas placed" in result.output


ERRORS = [
    (TransientError("connection refused"), "cannot be reached: connection refused", "--kubeconfig"),
    (UnauthenticatedError("Unauthorized", status=401), "does not accept this credential", "fresh kubeconfig"),
    (RejectedError("sovereignworkloads is forbidden", status=403), "not permitted", "policloud doctor"),
    (NotFoundError("no resource", missing_kind=True), "does not know this kind", "kubectl apply"),
]


@pytest.mark.parametrize(("error", "said", "advice"), ERRORS, ids=["away", "401", "403", "no CRD"])
def test_an_unhappy_server_is_put_into_words(error: ApiError, said: str, advice: str) -> None:
    result = invoke(Deaf(error), "why", "a/b")  # type: ignore[arg-type]
    assert result.exit_code == 1
    assert said in result.output
    assert f"  fix: {advice}" in result.output or advice in result.output.split("fix:")[1]


def test_doctor_counts_an_unreachable_server_as_failed_and_stops_there() -> None:
    result = invoke(Deaf(TransientError("connection refused")), "doctor")  # type: ignore[arg-type]
    assert result.exit_code == 1
    assert result.output.splitlines()[1].split(maxsplit=3)[:3] == ["✗", "API", "server"]


def test_a_missing_kubeconfig_is_named(tmp_path: Path) -> None:
    with pytest.raises(CliError, match=r"kubeconfig .*/nope does not exist"):
        kubeconfig_path(Target(kubeconfig=tmp_path / "nope"))


def test_no_cluster_at_all_says_how_to_name_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(CliError, match="no cluster is named"):
        kubeconfig_path(Target())


def test_an_unexpected_error_has_no_traceback_unless_asked(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text("just text")
    run = [sys.executable, "-m", "policloud.cli.main", "top", "--kubeconfig", str(config)]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr


def test_usage_texts_name_the_program_as_it_was_called() -> None:
    assert program_name("/usr/bin/kubectl-policloud") == "kubectl policloud"
    assert program_name("/usr/bin/policloud") == "policloud"
