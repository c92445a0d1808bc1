"""What Helm stores of a release fits its Secret; each CRD fits an annotation."""

from __future__ import annotations

import base64
import gzip
import json

import pytest

from rendered import CHARTS, FACTORS, HUB, Rendering, template


@pytest.mark.parametrize("chart", FACTORS)
def test_a_release_is_below_700_kib(chart: str, rendered: tuple[Rendering, ...]) -> None:
    # As Helm stores it: the chart's files, the manifest and the values, compressed, in base64 twice over
    manifest = max((r.text for r in rendered if r.chart == chart), key=len)
    files = {str(p.relative_to(CHARTS)): p.read_text() for p in (CHARTS / chart).rglob("*") if p.is_file()}
    inside = {name: base64.b64encode(text.encode()).decode() for name, text in files.items()}
    stored = json.dumps({"chart": inside, "manifest": manifest, "config": HUB}).encode()
    size = len(base64.b64encode(base64.b64encode(gzip.compress(stored))))
    assert 50 * 1024 < size < 700 * 1024


@pytest.mark.parametrize("chart", FACTORS)
def test_every_definition_is_below_200_kib(chart: str) -> None:
    text = template(chart, HUB if chart == "policloud-hub" else {})
    sizes = [len(d) for d in text.split("\n---\n") if "\nkind: CustomResourceDefinition\n" in d]
    assert len(sizes) == 6
    assert max(sizes) < 200 * 1024
