"""`make image`: wheel, locked dependencies and base into one image; its name goes to stdout, progress to stderr.

IMAGE_BASE=debootstrap makes the base from Debian packages, any other value names an image; without it the default of
the Dockerfile is taken where a registry gives it, else Debian packages. The build itself reaches no network.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import base
import inputs

ROOT = Path(__file__).resolve().parents[2]
REPOSITORY = "localhost/policloud/policloud-operator"
LABEL = "io.policloud.inputs"


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that decides what is in the image."""

    wheel: Path
    base: str
    out: Path
    epoch: str
    tag: str

    @property
    def version(self) -> str:
        return self.wheel.name.split("-")[1]

    @property
    def name(self) -> str:
        return f"{REPOSITORY}:{self.tag or self.version}"

    @property
    def archive(self) -> Path:
        return self.out / "policloud-operator.tar"

    def digest(self, base_id: str) -> str:
        content = hashlib.sha256(f"{base_id}\0{self.epoch}\0".encode())
        for path in (self.wheel, inputs.LOCK, ROOT / "Dockerfile", Path(__file__).with_name("rootfs.py")):
            content.update(hashlib.sha256(path.read_bytes()).digest())
        return content.hexdigest()[:16]


def docker(*arguments: str | Path, quiet: bool = True) -> str:
    """Run docker and return what it prints; what it complains about ends this program."""
    run = subprocess.run(["docker", *arguments], capture_output=quiet, text=True, check=False, env=_environment())
    if run.returncode != 0:
        sys.exit(f"docker {arguments[0]} failed: {(run.stderr or '').strip()[-2000:]}")
    return (run.stdout or "").strip()


def _environment() -> dict[str, str]:
    """The old builder where the new one is not installed; the Dockerfile suits both."""
    has_buildx = subprocess.run(["docker", "buildx", "version"], capture_output=True, check=False).returncode == 0
    return {**os.environ} if has_buildx else {**os.environ, "DOCKER_BUILDKIT": "0"}


def label_of(image: str) -> str:
    ask = ["docker", "image", "inspect", "--format", f'{{{{index .Config.Labels "{LABEL}"}}}}', image]
    return subprocess.run(ask, capture_output=True, text=True, check=False).stdout.strip()


def build(recipe: Recipe) -> None:
    base_id = docker("image", "inspect", "--format", "{{.Id}}", recipe.base)
    digest = recipe.digest(base_id)
    saved = recipe.archive.with_suffix(".sum")
    if label_of(recipe.name) != digest:
        context = recipe.out / "context"
        shutil.rmtree(context, ignore_errors=True)
        context.mkdir(parents=True)
        inputs.gather(recipe.wheel, context, inputs.target_of(docker, recipe.base))
        shutil.copy2(Path(__file__).with_name("rootfs.py"), context)
        say(f"image {recipe.name} from {recipe.base}")
        labels = {
            LABEL: digest,
            "org.opencontainers.image.title": "policloud-operator",
            "org.opencontainers.image.version": recipe.version,
            "org.opencontainers.image.licenses": "Apache-2.0",
            "org.opencontainers.image.base.name": recipe.base,
        }
        docker(
            *("build", "--quiet", "--network", "none", "--file", ROOT / "Dockerfile", "--tag", recipe.name),
            *("--build-arg", f"BASE={recipe.base}", "--build-arg", f"SOURCE_DATE_EPOCH={recipe.epoch}"),
            *(part for key, value in labels.items() for part in ("--label", f"{key}={value}")),
            context,
        )
        try_it(recipe.name)
        shutil.rmtree(context)
    if not recipe.archive.exists() or not saved.exists() or saved.read_text() != digest:
        docker("save", "--output", recipe.archive, recipe.name)
        saved.write_text(digest)


def try_it(name: str) -> None:
    """Everything that a pod may import, under the restrictions that a pod has."""
    code = (
        "import importlib, pkgutil, ssl, policloud, zoneinfo\n"
        "for m in pkgutil.walk_packages(policloud.__path__, 'policloud.'):\n"
        "    if m.name.rpartition('.')[2] != '__main__' and m.name not in ('policloud.cli.demo',):\n"
        "        importlib.import_module(m.name)\n"
        "assert ssl.create_default_context().cert_store_stats()['x509_ca'] > 50, 'no certificates'\n"
        "zoneinfo.ZoneInfo('Europe/Paris')\n"
    )
    within = ("run", "--rm", "--network", "none", "--read-only", "--cap-drop", "ALL", "--user", "65532")
    docker(*within, "--entrypoint", "/opt/policloud/bin/python3", name, "-W", "ignore", "-c", code)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "image", help="folder of the archive")
    parser.add_argument("--wheel", type=Path, help="a wheel of another version; default: built from this checkout")
    parser.add_argument("--tag", default="", help="of the image; default: the wheel's version")
    args = parser.parse_args()
    epoch = os.environ.get("SOURCE_DATE_EPOCH") or inputs.EPOCH
    if not re.fullmatch(r"\d{1,10}", epoch):
        sys.exit(f"SOURCE_DATE_EPOCH={epoch}: seconds since 1970 are needed; unset it for {inputs.EPOCH}")
    base.require_daemon()
    wheel = args.wheel or inputs.wheel(ROOT / "build" / "dist", epoch)
    chosen = base.choose(os.environ.get("IMAGE_BASE", ""), default=base.default_of(ROOT / "Dockerfile"))
    recipe = Recipe(wheel=wheel.resolve(), base=chosen, out=args.out.resolve(), epoch=epoch, tag=args.tag)
    recipe.out.mkdir(parents=True, exist_ok=True)
    build(recipe)
    say(f"{recipe.archive.stat().st_size / 1e6:.0f} MB in {args.out / recipe.archive.name}")
    print(recipe.name)


if __name__ == "__main__":
    main()
