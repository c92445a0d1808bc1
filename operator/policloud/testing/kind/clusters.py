"""Several clusters at once, which are gone when the block ends, and those that a killed process left, swept first."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from policloud.testing.kind.cluster import KindCluster
from policloud.testing.kind.docker import docker, have_daemon
from policloud.testing.kind.nodeimage import node_image
from policloud.testing.kind.ownership import PREFIX, own
from policloud.testing.kind.programs import find_kind

_LABEL = "io.x-k8s.kind.cluster"


@contextlib.contextmanager
def clusters(folder: Path, wanted: Mapping[str, int], *, audit: bool = False) -> Iterator[dict[str, KindCluster]]:
    """`wanted`: number of worker nodes by name. All are Ready when the block begins and gone when it ends."""
    have_daemon()
    sweep()
    image = node_image()
    find_kind()
    made = {name: KindCluster(name, folder, image, workers=n, audit=audit) for name, n in wanted.items()}
    try:
        with ThreadPoolExecutor(min(len(made), os.cpu_count() or 1)) as pool:  # more at once only wait for each other
            for done in [pool.submit(cluster.create) for cluster in made.values()]:
                done.result()
        yield made
    finally:
        with ThreadPoolExecutor(len(made)) as pool:
            list(pool.map(KindCluster.delete, made.values()))


def sweep() -> list[str]:
    """Remove what processes that no longer live left behind; returns the clusters' full names."""
    listed = docker(
        "ps", "--all", "--filter", f"label={_LABEL}", "--format", f'{{{{.Label "{_LABEL}"}}}} {{{{.Names}}}}'
    )
    nodes: dict[str, list[str]] = {}
    for line in listed.splitlines():
        cluster, _, node = line.partition(" ")
        if cluster.startswith(PREFIX):
            nodes.setdefault(cluster, []).append(node)
    swept = []
    for cluster, names in nodes.items():
        owned = own(cluster)
        if owned is not None:
            docker("rm", "--force", "--volumes", *names)
            owned.give_up()
            swept.append(cluster)
    return swept
