"""What goes into the image: our wheel and its locked dependencies, all by hash."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements.runtime.lock"
# Hatchling's own default: no wheel or image is younger than another that equals it
EPOCH = "1580601600"
_GLIBC = range(17, 40)  # minor versions of manylinux tags; the base's own is the limit


@dataclass(frozen=True, slots=True)
class Target:
    """The Python inside the base."""

    python: str
    machine: str
    glibc: int

    @property
    def platforms(self) -> list[str]:
        tags = [f"manylinux_2_{minor}_{self.machine}" for minor in _GLIBC if minor <= self.glibc]
        return [*tags, f"manylinux2014_{self.machine}"]


def target_of(docker: Callable[..., str], base: str) -> Target:
    code = (
        "import json, platform, sys; print(json.dumps([sys.version_info[:2], platform.machine(), platform.libc_ver()]))"
    )
    answer = docker("run", "--rm", "--network", "none", "--entrypoint", "python3", base, "-c", code)
    (major, minor), machine, (libc, version) = json.loads(answer)
    if (major, minor) < (3, 11) or libc != "glibc":
        sys.exit(f"base {base} has Python {major}.{minor} on {libc or 'another C library'}: 3.11 on glibc is needed")
    return Target(python=f"{major}.{minor}", machine=machine, glibc=int(version.split(".")[1]))


def wheel(folder: Path, epoch: str) -> Path:
    """Ours, the same bytes from the same sources."""
    shutil.rmtree(folder, ignore_errors=True)
    hatchling = Path(sys.executable).with_name("hatchling")
    subprocess.run(
        [hatchling, "build", "--target", "wheel", "--directory", folder],
        cwd=ROOT,
        env={**os.environ, "SOURCE_DATE_EPOCH": epoch},
        stdout=sys.stderr,
        check=True,
    )
    (built,) = folder.glob("*.whl")
    return built


def gather(own: Path, context: Path, target: Target) -> None:
    """`context/wheels` and `context/requirements.txt`: every archive with the hash it must have."""
    wheels = context / "wheels"
    shutil.copytree(_downloaded(target), wheels)
    shutil.copy2(own, wheels)
    name, version = own.name.split("-")[:2]
    pin = f"{name.replace('_', '-')}=={version} --hash=sha256:{hashlib.sha256(own.read_bytes()).hexdigest()}\n"
    (context / "requirements.txt").write_text(LOCK.read_text() + pin)


def _downloaded(target: Target) -> Path:
    """The locked wheels for that Python, kept in `build/image` as long as lock and Python stay the same."""
    key = hashlib.sha256(LOCK.read_bytes() + repr(target).encode()).hexdigest()[:12]
    folder = ROOT / "build" / "image" / f"wheels-{key}"
    if folder.is_dir():
        return folder
    part = folder.with_suffix(f".{os.getpid()}")
    shutil.rmtree(part, ignore_errors=True)
    print(f"wheels for Python {target.python} on {target.machine}", file=sys.stderr, flush=True)
    platforms = [word for platform in target.platforms for word in ("--platform", platform)]
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--require-hashes", "--no-deps"),
            *("--only-binary=:all:", "--python-version", target.python, *platforms),
            *("--dest", part, "--requirement", LOCK),
        ],
        check=True,
        stdout=sys.stderr,
    )
    part.rename(folder)
    return folder


if __name__ == "__main__":
    print(wheel(ROOT / "build" / "dist", os.environ.get("SOURCE_DATE_EPOCH") or EPOCH))
