"""Runs inside the image's build stage: picks from the base what Python loads, and lays it out in three layers.

`rootfs.py VENV OUT EPOCH` writes OUT/python (interpreter, standard library, shared libraries, certificates),
OUT/libraries (dependencies) and OUT/policloud. Every file gets the same time, so equal inputs give equal layers.
Standard library only.
"""

from __future__ import annotations

import compileall
import os
import py_compile
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

# Of the standard library: its tests, its desktop toolkit, its installer, headers and static libraries
STDLIB_LEFT_OUT = ("test", "idlelib", "tkinter", "turtledemo", "turtle.py", "ensurepip", "lib2to3", "pydoc_data")
STDLIB_LEFT_OUT_GLOBS = (
    "config-*",
    "site-packages",
    "dist-packages",
    "__pycache__",
    "lib-dynload/_test*",
    "lib-dynload/_tkinter*",
)
# Of our own wheel: what builds and drives test clusters. A pod has no use for it
TEST_TOOLS = ("testing", "controlplane", "helm", "kind")
# Sources and declarations of compiled modules are not read at run time
NOT_READ = re.compile(r"\.(?:pyx|pxd|pxi|c|h|pyi|hash)$")
PACKAGE_FILES = ("etc/os-release", "etc/debian_version", "etc/ld.so.cache", "etc/ssl/openssl.cnf")
BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
ACCOUNT = {
    "etc/passwd": "root:x:0:0:root:/:/none\npolicloud:x:65532:65532:policloud:/tmp:/none\n",
    "etc/group": "root:x:0:\npolicloud:x:65532:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}


class Tree:
    """A root file system being filled from this one; remembers which files of the base it took."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.taken: set[Path] = set()

    def add(self, path: Path) -> None:
        """A file under its real folder; a link together with what it leads to, link by link."""
        path = path.parent.resolve() / path.name
        target = self.root / path.relative_to("/")
        if path in self.taken:
            return
        self.taken.add(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.is_symlink():
            target.symlink_to(path.readlink())
            self.add(path.parent / path.readlink())
        else:
            shutil.copy2(path, target)

    def add_merged_folders(self) -> None:
        """`/lib` and the like, where they are links into `/usr`: the loader is named by its old path."""
        for name in ("lib", "lib64"):
            if (link := Path("/", name)).is_symlink():
                (self.root / name).symlink_to(link.readlink())

    def write(self, name: str, text: str) -> None:
        (self.root / name).parent.mkdir(parents=True, exist_ok=True)
        (self.root / name).write_text(text)


def standard_library() -> Iterator[Path]:
    folder = Path(sysconfig.get_path("stdlib"))
    left_out = {folder / name for name in STDLIB_LEFT_OUT}
    left_out |= {p for pattern in STDLIB_LEFT_OUT_GLOBS for p in folder.glob(pattern)}
    for path in sorted(folder.rglob("*")):
        parents = {path, *path.parents}
        if path.is_file() and not parents & left_out and "__pycache__" not in path.parts and path.suffix != ".a":
            yield path


def shared_libraries(binary: Path) -> tuple[set[Path], list[str]]:
    """What the loader would load for it, and what it would miss."""
    listed = subprocess.run(["ldd", binary], capture_output=True, text=True, check=False).stdout
    found = {Path(p) for p in re.findall(r"(?:=> |^\s*)(/\S+) \(0x", listed, re.MULTILINE)}
    # The C library opens this one by itself, when a thread ends
    beside = {p.parent.resolve() / "libgcc_s.so.1" for p in found if p.name == "libc.so.6"}
    return found | {p for p in beside if p.exists()}, re.findall(r"^\s*(\S+) => not found", listed, re.MULTILINE)


def add_packages(tree: Tree) -> None:
    """Which Debian packages the files are of, with their licences: scanners read `status.d`, as in other images."""
    owners = {
        line: listing.stem.split(":")[0]
        for listing in Path("/var/lib/dpkg/info").glob("*.list")
        for line in listing.read_text().splitlines()
    }
    # Where folders were merged into /usr, some packages still name their files by the old path
    spelt = [name for path in tree.taken for name in (str(path), str(path).removeprefix("/usr"))]
    names = {owners[name] for name in spelt if name in owners}
    for name in sorted(names):
        status = subprocess.run(["dpkg-query", "-s", name], capture_output=True, text=True, check=True).stdout
        tree.write(f"var/lib/dpkg/status.d/{name}", status)
        licence = Path("/usr/share/doc", name, "copyright")
        if licence.is_file():
            tree.write(f"usr/share/doc/{name}/copyright", licence.read_text(errors="replace"))


def fill_python(tree: Tree, venv: Path) -> None:
    interpreter = Path(sys._base_executable)  # type: ignore[attr-defined]  # noqa: SLF001 - what the venv links to
    for path in (interpreter, (venv / "bin" / "python3").readlink(), BUNDLE):
        tree.add(path)
    add_standard_library(tree)
    for path in (interpreter.resolve(), *sorted(venv.rglob("*.so"))):
        libraries, missing = shared_libraries(path)
        if missing:
            sys.exit(f"{path} needs {', '.join(missing)}, which the base lacks; choose a base that has them")
        for needed in sorted(p for p in libraries if venv not in p.parents):
            tree.add(needed)
    for name in PACKAGE_FILES:
        if (path := Path("/", name)).exists():
            tree.add(path)
    tree.add_merged_folders()
    add_packages(tree)
    for name, text in ACCOUNT.items():
        tree.write(name, text)
    (tree.root / "tmp").mkdir()
    (tree.root / "tmp").chmod(0o1777)


def add_standard_library(tree: Tree) -> None:
    """With the libraries of its modules. A slim base may keep a module whose library it lacks: it stays behind."""
    for path in standard_library():
        libraries, missing = shared_libraries(path) if path.suffix == ".so" else (set(), [])
        if not missing:
            for needed in (path, *sorted(libraries)):
                tree.add(needed)


def fill_venv(venv: Path, libraries: Path, own: Path) -> None:
    """The dependencies in one layer, policloud in the next: a new version of ours ships a few hundred KiB."""
    for path in sorted(venv.rglob("*")):
        inside = path.relative_to(venv)
        if path.is_dir() and not path.is_symlink():
            continue
        if NOT_READ.search(path.name) or "__pycache__" in path.parts or _is_unused(str(inside)):
            continue
        ours = re.match(r"bin/kubectl|bin/policloud|lib/[^/]*/site-packages/policloud", str(inside))
        target = (own if ours else libraries) / venv.relative_to("/") / inside
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target, follow_symlinks=False)
    for record in own.rglob("RECORD"):
        kept = [line for line in record.read_text().splitlines() if _kept(line)]
        record.write_text("\n".join(kept) + "\n")


def _is_unused(inside: str) -> bool:
    """Programs of our dependencies, scripts for shells, and our own test tools."""
    foreign = re.match(r"bin/(?!python|policloud|kubectl)", inside)
    return bool(foreign or re.search(rf"/site-packages/policloud/(?:{'|'.join(TEST_TOOLS)})/", inside))


def _kept(line: str) -> bool:
    return not line.startswith(tuple(f"policloud/{name}/" for name in TEST_TOOLS))


def compile_all(layer: Path) -> None:
    """Nothing can be compiled later on a read-only file system; the files never change, so no check of times."""
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    if not compileall.compile_dir(layer, stripdir=str(layer), prependdir="/", quiet=2, invalidation_mode=mode):
        sys.exit(f"something in {layer} does not compile")


def same_time(layer: Path, epoch: int) -> None:
    for path in [*layer.rglob("*"), layer]:
        os.utime(path, (epoch, epoch), follow_symlinks=False)


def main() -> None:
    venv, out, epoch = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    layers = [out / name for name in ("python", "libraries", "policloud")]
    for layer in layers:
        layer.mkdir(parents=True)
    fill_python(Tree(layers[0]), venv)
    fill_venv(venv, layers[1], layers[2])
    for layer in layers:
        compile_all(layer)
        same_time(layer, epoch)


if __name__ == "__main__":
    main()
