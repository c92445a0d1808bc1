"""One control plane and one site process for a module of contract tests; each test has units of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from policloud.testing.controlplane import ControlPlane, apply_crds
from sitelab import ALL, Lab, SiteThread


@pytest.fixture(scope="module")
def traces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("traces")


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    plane = ControlPlane(tmp_path_factory.mktemp("site-plane"), "site", ALL)
    plane.start()
    try:
        apply_crds(plane)
        yield plane
    finally:
        plane.remove()


@pytest.fixture(scope="module")
def lab(plane: ControlPlane, traces: Path) -> Iterator[Lab]:
    lab = Lab(plane, traces)
    site = SiteThread(plane.kubeconfig, traces).start()
    try:
        yield lab
    finally:
        site.stop()
