"""Measure the image as docs/reference/image.md shows it: size, layers, start to readiness, resident memory."""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Literal

from policloud.testing.contained import contained, described
from policloud.testing.controlplane import ControlPlane, apply_crds
from policloud.testing.kind.docker import docker

_SETTLE_SECONDS = 20.0


def layers(image: str) -> list[float]:
    """Sizes in MB of those that hold files, the lowest first."""
    sizes = docker("history", "--no-trunc", "--human=false", "--format", "{{.Size}}", image).split()
    return [int(size) / 1e6 for size in reversed(sizes) if int(size)]


def role(
    image: str, name: Literal["hub", "site"], plane: ControlPlane, rounds: int
) -> tuple[float, float, float, float]:
    settings = {"HUB_ID": "measured"} if name == "hub" else {}
    started, ready, resident, peak = [], [], [], []
    for _ in range(rounds):
        plane.kubectl("delete", "lease", "--all", "-n", "policloud-system", "--ignore-not-found")
        begin = time.monotonic()
        with contained(image, name, plane.kubeconfig, **settings) as one:
            started.append(time.monotonic() - begin)
            one.wait_ready()
            ready.append(time.monotonic() - begin)
            time.sleep(_SETTLE_SECONDS)
            memory = one.memory()
            resident.append(memory.resident)
            peak.append(memory.peak)
    return tuple(statistics.median(values) for values in (started, ready, resident, peak))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("image")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    size = described(args.image)["Size"] / 1e6
    parts = " + ".join(f"{part:.1f}" for part in layers(args.image))
    print(f"{args.image}: {size:.0f} MB = {parts} (Python and its libraries, dependencies, policloud)")
    print(f"median of {args.rounds}, {_SETTLE_SECONDS:.0f} s after it was ready:")
    with tempfile.TemporaryDirectory() as folder:
        plane = ControlPlane(Path(folder), "measured")
        plane.start()
        try:
            apply_crds(plane)
            plane.kubectl("create", "namespace", "policloud-system")
            for name in ("hub", "site"):
                started, ready, resident, peak = role(args.image, name, plane, args.rounds)
                print(
                    f"{name:5} container runs after {started:.1f} s, ready after {ready:.1f} s, "
                    f"{resident:.0f} MB resident, {peak:.0f} MB at most"
                )
        finally:
            plane.remove()


if __name__ == "__main__":
    main()
