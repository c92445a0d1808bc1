"""The image that kind's nodes are made of: the official one where it can be had, else our own build of the same."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

from policloud.testing.controlplane.lock import exclusive
from policloud.testing.controlplane.progress import Progress, progress_on_stderr
from policloud.testing.controlplane.sources import cache_folder, find_sources
from policloud.testing.controlplane.spawn import launched
from policloud.testing.kind.docker import docker, has_image, have_daemon, run
from policloud.testing.kind.errors import KindError
from policloud.testing.kind.programs import module_folder, node_programs
from policloud.testing.kind.recipe import Recipe, find_recipe

_PACKAGES = (
    "mmdebstrap:mmdebstrap", "pkg-config:pkg-config", "gcc:gcc", "/usr/include/seccomp.h:libseccomp-dev",
    "/usr/include/stdio.h:libc6-dev", "python3:python3",
)  # fmt: skip
_REGISTRY_SECONDS = 30.0  # to find out whether a registry answers at all
_PULL_SECONDS = 900.0


def node_image() -> str:
    """The name of an image that is in Docker's store now.

    KIND_IMAGE names one, or says `build` for our own; otherwise the first of: the official one if it is there or our
    own if it is there, the official one pulled, our own built.
    """
    have_daemon()
    recipe, wanted = find_recipe(), os.environ.get("KIND_IMAGE", "")
    if wanted not in {"", "build"}:
        return wanted
    there = [name for name in (recipe.official_image, recipe.own_image) if has_image(name)]
    if wanted == "" and there:
        return there[0]
    with progress_on_stderr() as progress:
        if wanted == "" and _pulled(recipe.official_image, progress):
            return recipe.official_image
    return build_node_image()


def build_node_image() -> str:
    """Our own node image in Docker's store, built unless this content was built before."""
    have_daemon()
    recipe = find_recipe()
    name, archive = recipe.own_image, cache_folder() / "kind" / f"node-{recipe.digest()}.tar"
    with (
        progress_on_stderr() as progress,
        exclusive(archive.parent / "node.lock", waiting=lambda: progress.say("another process builds the node image")),
    ):
        if has_image(name):
            return name
        if not archive.exists():
            _build(recipe, archive, progress)
        progress.say(f"loading {name} into Docker")
        docker("load", "--quiet", "--input", str(archive), timeout=300)
    return name


def _pulled(image: str, progress: Progress) -> bool:
    """Whether it could be; quick where no registry answers."""
    try:
        docker("manifest", "inspect", image, timeout=_REGISTRY_SECONDS)
        progress.say(f"pulling {image}")
        docker("pull", "--quiet", image, timeout=_PULL_SECONDS)
    except KindError as error:
        progress.say(f"no registry gives {image}, so the node image is built here ({str(error)[-200:]})")
        return False
    return True


def _build(recipe: Recipe, archive: Path, progress: Progress) -> None:
    if os.geteuid() != 0:
        raise KindError(
            f"no registry gives {recipe.official_image}, and building the node image needs root: run "
            "`make kind-image` as root, or load the official image into Docker by hand"
        )
    begin = time.monotonic()
    progress.say(f"building {recipe.own_image}, once: about 9 minutes from nothing")
    _script(recipe, progress, "packages.sh", *_PACKAGES)
    cache, work = archive.parent, archive.parent / "work"
    shutil.rmtree(work, ignore_errors=True)  # of a build that was killed: we hold the lock
    programs = cache / f"programs-{recipe.programs_digest()}"
    debian = cache / f"debian-{recipe.debian_digest()}.tar"
    try:
        node_programs(recipe, programs, progress)
        _pause(programs, _images(recipe, programs))
        work.mkdir()
        if not debian.exists():
            with progress.bar("Debian packages", total=1):
                _script(recipe, progress, "debian.sh", str(work / "debian.tar"))
            (work / "debian.tar").rename(debian)
        _assemble(recipe, programs, debian, work, progress)
        (work / "node.tar").rename(archive)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    _forget_others(archive, programs, debian)
    size = archive.stat().st_size // 1_000_000
    progress.say(f"built in {time.monotonic() - begin:.0f} s, {size} MB, kept in {archive}")


def _assemble(recipe: Recipe, programs: Path, debian: Path, work: Path, progress: Progress) -> None:
    images = _images(recipe, programs)
    environment = {
        "BIN": str(programs),
        "DEBIAN": str(debian),
        "IMAGES": images,
        "PAUSE": _named(images, "pause"),
        "KUBE_VERSION": recipe.kubernetes_version,
        "KIND_FILES": str(module_folder(recipe.folder / "go" / "kind", "sigs.k8s.io/kind") / "images/base/files"),
    }
    root = work / "root"
    with progress.bar("node image", total=3) as advance:
        _script(recipe, progress, "rootfs.sh", str(root), environment=environment)
        advance(1)
        _script(recipe, progress, "images.sh", str(root), str(work), environment=environment)
        advance(1)
        _script(
            recipe, progress, "mkimage.py", str(work / "node.tar"), "--layer", str(root), "--tag", recipe.own_image,
            "--env", "container=docker",
            "--env", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "--entrypoint", '["/usr/local/bin/entrypoint", "/sbin/init"]', "--stop-signal", "SIGRTMIN+3",
        )  # fmt: skip


def _images(recipe: Recipe, programs: Path) -> str:
    """The names that kubeadm will ask for, one a line."""
    listing: list[str | Path] = [
        programs / "kubeadm",
        "config",
        "images",
        "list",
        "--kubernetes-version",
        recipe.kubernetes_version,
    ]
    return run(listing, timeout=60).strip()


def _named(images: str, name: str) -> str:
    return next(line for line in images.splitlines() if line.rpartition("/")[2].startswith(f"{name}:"))


def _pause(programs: Path, images: str) -> None:
    if (programs / "pause").exists():
        return
    version = _named(images, "pause").rpartition(":")[2]
    source = module_folder(find_sources().kube, "k8s.io/kubernetes") / "build/pause/linux/pause.c"
    command: list[str | Path] = [
        "gcc",
        "-Os",
        "-static",
        "-s",
        f"-DVERSION={version}",
        "-o",
        programs / "pause",
        source,
    ]
    run(command, timeout=60)


def _script(
    recipe: Recipe, progress: Progress, name: str, *arguments: str, environment: dict[str, str] | None = None
) -> None:
    """One step of the recipe; what it prints is shown as it comes."""
    process = subprocess.Popen(
        launched([str(recipe.folder / name), *arguments], attached=True),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | (environment or {}),
    )
    assert process.stdout is not None  # noqa: S101 - asked for
    said: list[str] = []
    try:
        for line in process.stdout:
            said.append(line.strip())
            progress.say(f"  {line.strip()}")
        process.wait()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        process.stdout.close()
    if process.returncode != 0:
        raise KindError(f"{name} failed: {' | '.join(said[-5:])[:1200]}")


def _forget_others(*keep: Path) -> None:
    """Older content is of no use, and large."""
    for kept in keep:
        for path in kept.parent.glob(f"{kept.name.partition('-')[0]}-*"):
            if path not in keep:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
