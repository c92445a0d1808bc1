"""The generated half of charts/ says what the values' types, the CRDs and the manifests say."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from policloud.chartgen import templates
from policloud.chartgen.files import CHARTS, files
from policloud.chartgen.values.base import Section
from policloud.chartgen.valuesfile import entries
from policloud.crdgen import crd

ROOT = Path(__file__).parents[2]
FILES = files(ROOT / "charts")


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_chart_file_is_up_to_date(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == FILES[path], "run: make charts"


@pytest.mark.parametrize("chart", CHARTS)
def test_every_value_is_documented_and_used(chart: str) -> None:
    values: Section = CHARTS[chart][1]
    text = "".join(p.read_text() for p in (ROOT / "charts" / chart / "templates").rglob("*") if p.is_file())
    for entry in entries(values):
        assert entry.doc.endswith((".", ".)")), entry.path
        # Sections that are handed over whole are used by their own name
        whole = any(f".{part} " in text or f".{part})" in text for part in entry.path.split(".")[:-1])
        assert f".{entry.name}" in text or whole or f'"{entry.name}"' in text, f"{entry.path} does nothing"


@pytest.mark.parametrize("chart", CHARTS)
def test_values_file_says_the_models_defaults(chart: str) -> None:
    values = CHARTS[chart][1]
    read = yaml.safe_load((ROOT / "charts" / chart / "values.yaml").read_text())
    assert read == values.model_dump(by_alias=True, exclude_none=True)
    assert type(values).model_validate(read) == values


def test_definitions_are_those_of_the_crds_folder() -> None:
    for name, text in crd.files().items():
        template = templates.definitions()[f"crds/{name}"]
        lines = [line for line in template.splitlines() if "{{" not in line and "helm.sh/" not in line]
        assert yaml.safe_load("\n".join(line for line in lines if line != "  labels:")) == yaml.safe_load(text)


def test_curly_braces_survive_helm() -> None:
    assert templates.escaped("a {{ b }}") == 'a {{ "{{" }} b }}'


def test_charts_do_not_hang_on_the_order_of_sets(tmp_path: Path) -> None:
    made = []
    for seed in ("1", "2"):
        folder = tmp_path / seed
        for chart in CHARTS:
            (folder / chart).mkdir(parents=True)
            (folder / chart / "README.md").write_text((ROOT / "charts" / chart / "README.md").read_text())
        command = [sys.executable, "-m", "policloud.chartgen", str(folder)]
        subprocess.run(command, check=True, capture_output=True, env={**os.environ, "PYTHONHASHSEED": seed})
        made.append({str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()})
    assert len(made[0]) == len(FILES)
    assert made[0] == made[1]
