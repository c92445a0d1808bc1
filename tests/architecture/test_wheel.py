"""The wheel: the same bytes from the same sources, with what the programs read at run time, without tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def _checkout(folder: Path, *, time: int, mode: int) -> Path:
    """What git would give somebody else, with another umask at another time."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in (n for n in names if n and (ROOT / n).is_file()):
        if Path(name).parts[0] in {"tests", "docs", "charts"}:
            continue
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target)
        target.chmod(mode | (0o111 if os.access(ROOT / name, os.X_OK) else 0))
        os.utime(target, (time, time))
    return folder


def _built(checkout: Path) -> Path:
    environment = {k: v for k, v in os.environ.items() if k != "SOURCE_DATE_EPOCH"}
    hatchling = Path(sys.executable).with_name("hatchling")
    subprocess.run(
        [hatchling, "build", "--target", "wheel", "--directory", checkout / "dist"],
        cwd=checkout,
        env=environment,
        check=True,
        capture_output=True,
    )
    (wheel,) = (checkout / "dist").glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("wheels")
    return [
        _built(_checkout(folder / "a", time=1_700_000_000, mode=0o644)),
        _built(_checkout(folder / "b", time=1_600_000_000, mode=0o600)),
    ]


def test_built_twice_it_is_the_same_to_the_byte(wheels: list[Path]) -> None:
    assert wheels[0].name == wheels[1].name
    assert wheels[0].read_bytes() == wheels[1].read_bytes()


def test_it_holds_what_the_programs_read(wheels: list[Path]) -> None:
    names = zipfile.ZipFile(wheels[0]).namelist()
    for folder in ("crds", "samples", "manifests"):
        shipped = {Path(n).name for n in names if n.startswith(f"policloud/{folder}/") and n.endswith(".yaml")}
        source = ROOT / ("operator/policloud/manifests" if folder == "manifests" else folder)
        assert shipped == {p.name for p in source.rglob("*.yaml")}
    assert not [n for n in names if n.startswith("tests/") or "/test_" in n or n.endswith((".pyc", ".lock"))]
    assert [n for n in names if n.endswith("licenses/LICENSE")]
