"""The CLI on a real API server: samples are valid, plan shows its words, doctor tells the truth."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from policloud.cli.shipped import directory

if TYPE_CHECKING:
    from policloud.testing.controlplane import ControlPlane

WORKLOADS = sorted((directory("samples") / "workloads").rglob("*.yaml"))


def policloud(plane: ControlPlane, *arguments: str) -> subprocess.CompletedProcess[str]:
    run = [sys.executable, "-m", "policloud.cli.main", *arguments, "--kubeconfig", str(plane.kubeconfig)]
    return subprocess.run(run, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def namespaces(api_server: ControlPlane) -> None:
    for path in WORKLOADS:
        for body in yaml.safe_load_all(path.read_text()):
            name = body["metadata"]["name"] if body["kind"] == "Namespace" else body["metadata"]["namespace"]
            api_server.kubectl("apply", "-f", "-", input=json.dumps(namespace(name)))


def namespace(name: str) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


@pytest.mark.usefixtures("namespaces")
@pytest.mark.parametrize("path", WORKLOADS, ids=lambda p: p.stem)
def test_every_sample_passes_a_strict_dry_run(api_server: ControlPlane, path: Path) -> None:
    answer = api_server.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", str(path))
    assert "(server dry run)" in answer


@pytest.mark.usefixtures("namespaces")
def test_plan_without_units_says_so(api_server: ControlPlane) -> None:
    done = policloud(api_server, "plan", "-f", str(directory("samples") / "workloads" / "deed-ocr.yaml"))
    assert (done.returncode, "no PolicloudUnit to plan on" in done.stderr) == (1, True), done.stderr


@pytest.mark.usefixtures("namespaces")
def test_plan_shows_the_words_of_the_api_server(api_server: ControlPlane, tmp_path: Path) -> None:
    body = yaml.safe_load((directory("samples") / "workloads" / "deed-ocr.yaml").read_text())
    body["spec"]["inference"]["minReplicas"] = 9
    file = tmp_path / "wrong.yaml"
    file.write_text(yaml.safe_dump(body))
    done = policloud(api_server, "plan", "-f", str(file))
    assert done.returncode == 1
    assert "minReplicas 9 must not be greater than replicas 2" in done.stderr
    assert "Traceback" not in done.stderr


def test_doctor_finds_the_crds_of_this_version_and_no_operator(api_server: ControlPlane) -> None:
    done = policloud(api_server, "doctor", "-o", "json")
    assert done.stdout, done.stderr
    findings = {f["check"]: f for f in json.loads(done.stdout)["findings"]}
    assert findings["API server"]["level"] == "ok"
    assert findings["Clock"]["level"] == "ok"
    assert findings["CRDs"]["level"] == "ok", findings["CRDs"]["message"]
    assert findings["Rights"]["level"] == "ok"
    assert findings["Operator"]["level"] == "fail"
    assert all(f["fix"] for f in findings.values() if f["level"] != "ok")
    assert done.returncode == 1


def test_doctor_without_crds_says_how_to_install_them(api_server: ControlPlane) -> None:
    from policloud.cli.checks import schemas  # noqa: PLC0415 - the comparison behind the finding

    crd = json.loads(api_server.kubectl("get", "crd", "policloudunits.policloud.io", "-o", "json"))
    shipped = yaml.safe_load(next(directory("crds").glob("*policloudunit*")).read_text())
    assert schemas(crd) == schemas(shipped)
    changed = json.loads(json.dumps(crd))
    del changed["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["location"]
    assert schemas(changed) != schemas(shipped)


def test_an_api_server_that_is_away_is_put_into_words(api_server: ControlPlane, tmp_path: Path) -> None:
    config = yaml.safe_load(api_server.kubeconfig.read_text())
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:9"
    file = tmp_path / "away"
    file.write_text(yaml.safe_dump(config))
    run = [sys.executable, "-m", "policloud.cli.main", "top", "--kubeconfig", str(file)]
    done = subprocess.run(run, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "https://127.0.0.1:9 cannot be reached" in done.stderr
    assert "fix: check that the cluster runs" in done.stderr
