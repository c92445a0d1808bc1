"""kind itself, and the programs of a node, built from Go modules once for each version of their sources."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

from policloud.testing.controlplane.gobuild import compile_target
from policloud.testing.controlplane.lock import exclusive
from policloud.testing.controlplane.progress import Progress, progress_on_stderr
from policloud.testing.controlplane.sources import cache_folder, find_sources
from policloud.testing.controlplane.toolchain import Go, find_go
from policloud.testing.kind.docker import run
from policloud.testing.kind.recipe import Recipe, find_recipe


def find_kind() -> Path:
    """POLICLOUD_KIND, PATH if it is new enough, the project's cache; else built there."""
    named = os.environ.get("POLICLOUD_KIND")
    if named:
        return Path(named)
    recipe = find_recipe()
    on_path = shutil.which("kind")
    if on_path and _version(run([on_path, "version"], timeout=30)) >= _version(recipe.kind_version):
        return Path(on_path)
    program = cache_folder() / "kind" / f"kind-{recipe.kind_digest()}"
    if program.exists():
        return program
    with progress_on_stderr() as progress, exclusive(program.with_name(f"{program.name}.lock")):
        if not program.exists():
            progress.say(f"building kind {recipe.kind_version}, once: about half a minute")
            unfinished = program.with_name(f"{program.name}.unfinished")
            compile_target(_go(), recipe.kind(unfinished), progress)
            unfinished.rename(program)
    return program


def node_programs(recipe: Recipe, folder: Path, progress: Progress) -> None:
    """All programs of a node in `folder`; those that are there are kept. The caller holds the lock."""
    go = _go()
    folder.mkdir(parents=True, exist_ok=True)
    for target in recipe.programs(folder):
        if not target.output.exists():
            unfinished = target.output.with_name(f"{target.output.name}.unfinished")
            compile_target(go, replace(target, output=unfinished), progress)
            unfinished.rename(target.output)
    for name in ("kubeadm", "kubectl"):
        if not (folder / name).is_symlink():
            (folder / name).symlink_to("kube")


def module_folder(module: Path, name: str) -> Path:
    """Where the sources of the Go module `name`, required by the module at `module`, lie on this machine."""
    go = _go()
    run_in = ["-C", str(module)]
    subprocess.run([go.program, *run_in, "mod", "download", name], env=go.environment, capture_output=True, check=False)
    listing: list[str | Path] = [go.program, *run_in, "list", "-m", "-f", "{{.Dir}}", name]
    return Path(run(listing, timeout=120, environment=go.environment).strip())


def _go() -> Go:
    return find_go(find_sources(), cache_folder())


def _version(text: str) -> tuple[int, ...]:
    match = re.search(r"v(\d+)\.(\d+)\.(\d+)", text)
    return tuple(map(int, match.groups())) if match else (0,)
