"""Which charts and which code a release is made of: this checkout's, and the frozen one that upgrades begin with."""

from __future__ import annotations

import zipfile
from pathlib import Path

import yaml

from e2elab.cluster import Body, Release
from policloud import __version__

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "tests" / "e2e" / "fixtures"
REPOSITORY = "localhost/policloud/policloud-operator"
FROZEN = "0.1.0"


def ours() -> Release:
    """What this checkout makes."""
    charts = ROOT / "charts"
    return Release(
        __version__,
        {"hub": charts / "policloud-hub", "site": charts / "policloud-site"},
        f"{REPOSITORY}:{__version__}",
    )


def frozen() -> Release:
    """As it was released: packaged charts and the wheel, kept beside the scenarios."""
    charts = {role: FIXTURES / f"policloud-{role}-{FROZEN}.tgz" for role in ("hub", "site")}
    return Release(FROZEN, charts, f"{REPOSITORY}:{FROZEN}-frozen", frozen_wheel())


def frozen_wheel() -> Path:
    (wheel,) = FIXTURES.glob(f"policloud_operator-{FROZEN}-*.whl")
    return wheel


def definitions(release: Release) -> dict[str, Body]:
    """The CRDs that it was made with, by name: of its wheel, or of this checkout."""
    if release.wheel is None:
        texts = [path.read_text() for path in sorted((ROOT / "crds").glob("*.yaml"))]
    else:
        with zipfile.ZipFile(release.wheel) as archive:
            names = [name for name in archive.namelist() if name.startswith("policloud/crds/")]
            texts = [archive.read(name).decode() for name in names]
    return {body["metadata"]["name"]: body for body in map(yaml.safe_load, texts)}


def unpacked(folder: Path) -> dict[str, Path]:
    """Code of the frozen releases, by the tag of their image, for processes that run without an image."""
    target = folder / f"policloud-{FROZEN}"
    with zipfile.ZipFile(frozen_wheel()) as archive:
        archive.extractall(target)
    return {frozen().image.rpartition(":")[2]: target}
