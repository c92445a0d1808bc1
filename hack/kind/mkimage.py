#!/usr/bin/env python3
"""Write a docker-archive (for `docker load`, `ctr images import`) of one or more layers, without a container runtime.

mkimage.py OUT.tar --layer FOLDER_OR_TAR ... --tag NAME:TAG ... [--entrypoint JSON] [--cmd JSON] [--env K=V ...]
           [--stop-signal S] [--workdir D] [--user U]
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import platform
import subprocess
import tarfile
import tempfile
from pathlib import Path

_EPOCH = "1970-01-01T00:00:00Z"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--layer", type=Path, action="append", required=True)
    parser.add_argument("--tag", action="append", required=True)
    parser.add_argument("--entrypoint", type=json.loads)
    parser.add_argument("--cmd", type=json.loads)
    parser.add_argument("--env", action="append", default=[])
    parser.add_argument("--stop-signal")
    parser.add_argument("--workdir")
    parser.add_argument("--user")
    return parser.parse_args()


def packed(source: Path, target: Path) -> Path:
    """A layer's tar; of a folder, one with the same bytes each time."""
    if not source.is_dir():
        return source
    command = ["tar", "-C", source, "--sort=name", "--mtime=@0", "--numeric-owner", "--xattrs"]
    # Extended attributes need the pax format, which else notes when tar ran
    command.append("--pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime")
    subprocess.run([*command, "--xattrs-include=security.capability", "-cf", target, "."], check=True)
    return target


def image(given: argparse.Namespace, digests: list[str]) -> bytes:
    config = {
        "Env": given.env or [_PATH],
        "Entrypoint": given.entrypoint,
        "Cmd": given.cmd,
        "StopSignal": given.stop_signal,
        "WorkingDir": given.workdir,
        "User": given.user,
    }
    body = {
        "architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()),
        "os": "linux",
        "created": _EPOCH,
        "config": {key: value for key, value in config.items() if value},
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}" for digest in digests]},
        "history": [{"created": _EPOCH, "created_by": "mkimage.py"} for _ in digests],
    }
    return json.dumps(body).encode()


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write(given: argparse.Namespace, folder: Path) -> None:
    layers = [packed(source, folder / f"{number}.tar") for number, source in enumerate(given.layer)]
    digests = [sha256(layer) for layer in layers]
    config = image(given, digests)
    name = f"{hashlib.sha256(config).hexdigest()}.json"
    names = [f"{digest}.tar" for digest in digests]
    manifest = json.dumps([{"Config": name, "RepoTags": given.tag, "Layers": names}]).encode()
    unfinished = folder / "unfinished"
    with tarfile.open(unfinished, "w") as archive:
        for member, content in (("manifest.json", manifest), (name, config)):
            info = tarfile.TarInfo(member)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for member, layer in zip(names, layers, strict=True):
            info = tarfile.TarInfo(member)
            info.size = layer.stat().st_size
            with layer.open("rb") as file:
                archive.addfile(info, file)
    unfinished.replace(given.out)


def main() -> None:
    given = arguments()
    with tempfile.TemporaryDirectory(dir=given.out.resolve().parent) as folder:
        write(given, Path(folder))


if __name__ == "__main__":
    main()
