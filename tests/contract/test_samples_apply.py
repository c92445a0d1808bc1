"""Every manifest we hand out is taken by a real API server, with unknown and doubled fields refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from manifests import ROOT, documents, sample_files
from policloud.testing.controlplane import ControlPlane


@pytest.fixture(scope="module")
def server(api_server: ControlPlane) -> ControlPlane:
    """The API server with every namespace that a sample names."""
    objects = [d for path in sample_files() for d in documents(path)]
    names = {d["metadata"].get("namespace", "default") for d in objects} - {"default"}
    manifest = "---\n".join(f"{{apiVersion: v1, kind: Namespace, metadata: {{name: {n}}}}}\n" for n in sorted(names))
    api_server.kubectl("apply", "-f", "-", input=manifest)
    return api_server


@pytest.mark.parametrize("path", sample_files(), ids=lambda p: str(p.relative_to(ROOT)))
def test_sample_passes_strict_dry_run(server: ControlPlane, path: Path) -> None:
    said = server.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", str(path)).splitlines()
    assert len(said) == len(documents(path))
    assert all(line.endswith("(server dry run)") for line in said)


def test_reference_has_every_kind() -> None:
    kinds = {d["kind"] for p in sample_files() if p.parent.name == "reference" for d in documents(p)}
    assert len(kinds) == 6
