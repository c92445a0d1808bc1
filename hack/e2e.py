"""`make e2e`: chooses the clusters, has ready what they need, runs the scenarios, ends the daemon that it started.

CLUSTER=kind or local; without it kind where a Docker daemon answers or can be started, else local, and it says so.
SMOKE=1: from install to removal only. Arguments go to pytest. Ends with 3 if CLUSTER=kind cannot be had.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from policloud.testing.controlplane.errors import ControlPlaneError
from policloud.testing.kind import KindError, node_image
from policloud.testing.kind.docker import have_daemon
from policloud.testing.kind.programs import find_kind

ROOT = Path(__file__).resolve().parents[1]
_CANNOT = 3
_END_SECONDS = 60


def say(text: str) -> None:
    print(f"e2e: {text}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def chosen(wanted: str) -> Iterator[str]:
    """`kind`, with a daemon that answers until the block ends, or `local`."""
    if wanted not in {"", "kind", "local"}:
        sys.exit(f"CLUSTER={wanted}: there are kind and local; unset it for kind where Docker can be had, else local")
    if wanted == "local":
        yield wanted
        return
    try:
        started = have_daemon()
    except KindError as error:
        if wanted:
            say(f"kind cannot be had: {error}")
            sys.exit(_CANNOT)
        say(f"on local clusters, hence WITHOUT real pods, as kind cannot be had: {error}")
        yield "local"
        return
    try:
        yield "kind"
    finally:
        if started is not None:
            end(started)


def end(pid_file: Path) -> None:
    """The daemon was started for this run, so it goes with it."""
    pid = int(pid_file.read_text())
    os.kill(pid, signal.SIGTERM)
    give_up = time.monotonic() + _END_SECONDS
    while Path(f"/proc/{pid}").exists() and time.monotonic() < give_up:
        time.sleep(0.1)


def prepare() -> None:
    """Node image, kind, our image: before the scenarios, so that what takes minutes is seen."""
    begin = time.monotonic()
    try:
        node_image()
        find_kind()
    except (KindError, ControlPlaneError) as error:
        sys.exit(str(error))
    builder = ROOT / "hack" / "image" / "build.py"
    if subprocess.run([sys.executable, builder], cwd=ROOT, stdout=sys.stderr, check=False).returncode != 0:
        sys.exit("no image: above is why")
    say(f"images ready after {time.monotonic() - begin:.0f} s")


def main(arguments: list[str]) -> int:
    marked = ["-m", "smoke"] if os.environ.get("SMOKE") else []
    with chosen(os.environ.get("CLUSTER", "")) as cluster:
        if cluster == "kind":
            prepare()
        say(f"scenarios on CLUSTER={cluster}")
        command = [sys.executable, "-m", "pytest", "tests/e2e", *marked, *arguments]
        return subprocess.run(command, cwd=ROOT, env=os.environ | {"CLUSTER": cluster}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
