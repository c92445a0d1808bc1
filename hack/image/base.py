"""What the image is built on: an image from a registry, or one made here from Debian packages."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from policloud.testing.controlplane.lock import exclusive
from policloud.testing.controlplane.sources import cache_folder
from policloud.testing.kind.docker import have_daemon
from policloud.testing.kind.errors import KindError

SUITE = "trixie"
PACKAGES = ("python3", "python3-venv", "ca-certificates")
DAYS = 30  # older than this, packages may lack repairs
_PULL_SECONDS = 600


def require_daemon() -> None:
    """One that runs; where none does, root on Debian gets one, as for kind."""
    try:
        have_daemon()
    except KindError as error:
        sys.exit(str(error))


def default_of(dockerfile: Path) -> str:
    return re.findall(r"^ARG BASE=(\S+)$", dockerfile.read_text(), re.MULTILINE)[0]


def choose(wanted: str, *, default: str) -> str:
    """The name of an image that the daemon holds."""
    if wanted == "debootstrap":
        return from_debian()
    name = wanted or default
    if _held(name):
        return name
    print(f"base {name}: asking a registry", file=sys.stderr, flush=True)
    pull = subprocess.run(
        ["docker", "pull", "--quiet", name], capture_output=True, text=True, check=False, timeout=_PULL_SECONDS
    )
    if pull.returncode == 0:
        return name
    reason = pull.stderr.strip().splitlines()[-1:] or ["no reason given"]
    if wanted:
        sys.exit(f"IMAGE_BASE={wanted} cannot be had: {reason[0]}\n  fix: name another, or IMAGE_BASE=debootstrap")
    print(f"no registry gives it ({reason[0]}); taking Debian packages instead", file=sys.stderr, flush=True)
    return from_debian()


def _held(name: str) -> bool:
    return subprocess.run(["docker", "image", "inspect", name], capture_output=True, check=False).returncode == 0


def from_debian() -> str:
    """Debian's Python and what it needs, cached outside the checkout; its name says what is in it."""
    key = hashlib.sha256("\0".join((SUITE, *PACKAGES)).encode()).hexdigest()[:12]
    name = f"localhost/policloud/base:{SUITE}-{key}"
    archive = cache_folder() / "image" / f"{SUITE}-{key}.tar"
    with exclusive(archive.with_suffix(".lock")):
        fresh = archive.exists() and time.time() - archive.stat().st_mtime < DAYS * 86400  # noqa: TID251 - age of a file
        if fresh and _held(name):
            return name
        if not fresh:
            _bootstrap(archive)
        subprocess.run(["docker", "import", archive, name], check=True, stdout=subprocess.DEVNULL)
    return name


def _bootstrap(archive: Path) -> None:
    _need_mmdebstrap()
    print(f"base: Debian {SUITE} with {', '.join(PACKAGES)} (half a minute)", file=sys.stderr, flush=True)
    part = archive.with_suffix(".part.tar")
    without = ("man", "locale", "info", "lintian")
    subprocess.run(
        [
            *("mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(PACKAGES)}"),
            *(f"--dpkgopt=path-exclude=/usr/share/{folder}/*" for folder in without),
            *(SUITE, part),
        ],
        check=True,
        stdout=sys.stderr,
    )
    part.replace(archive)


def _need_mmdebstrap() -> None:
    if shutil.which("mmdebstrap"):
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        sys.exit(
            "mmdebstrap is needed for IMAGE_BASE=debootstrap: install it (Debian, Ubuntu: apt-get install mmdebstrap)"
        )
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update", "-qq"], ["install", "-qqy", "--no-install-recommends", "mmdebstrap"]):
        subprocess.run(["apt-get", *arguments], check=True, stdout=sys.stderr, env=env)
