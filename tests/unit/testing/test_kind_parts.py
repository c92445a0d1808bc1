"""The parts of the kind tools that need no Docker: names by content, rules of a cut, ownership, images chosen."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from policloud.testing.kind import KindError, nodeimage
from policloud.testing.kind.docker import complaint, have_daemon
from policloud.testing.kind.manifest import manifest
from policloud.testing.kind.network import scripts
from policloud.testing.kind.ownership import own
from policloud.testing.kind.recipe import Recipe, find_recipe


@pytest.fixture
def recipe(tmp_path: Path) -> Recipe:
    return Recipe(Path(shutil.copytree(find_recipe().folder, tmp_path / "kind")))


@pytest.mark.parametrize("file", ["rootfs.sh", "node/node-cni.sh", "go/runc/go.sum"])
def test_the_image_is_named_by_its_content(recipe: Recipe, file: str) -> None:
    before = recipe.own_image
    with (recipe.folder / file).open("a") as out:
        out.write("\n# changed\n")
    assert recipe.own_image != before


def test_what_is_not_in_the_image_does_not_rename_it(recipe: Recipe) -> None:
    before = recipe.own_image
    (recipe.folder / "README.md").write_text("other words")
    (recipe.folder / "dockerd.sh").write_text("other daemon")
    assert recipe.own_image == before


def test_nodes_run_the_kubernetes_of_the_control_planes(recipe: Recipe) -> None:
    kube = recipe.programs(Path("bin"))[0]
    assert kube.module.parts[-3:] == ("hack", "controlplane", "kube")
    assert kube.tags == ("node",)
    assert recipe.official_image.endswith(f":{recipe.kubernetes_version}")


def test_a_pin_that_is_missing_is_named(recipe: Recipe) -> None:
    (recipe.folder / "go" / "kind" / "go.mod").write_text("module x\n")
    with pytest.raises(KindError, match=r"does not require sigs\.k8s\.io/kind"):
        _ = recipe.kind_version


def test_a_cut_drops_both_ways_for_node_and_pods_by_both_protocols() -> None:
    made = scripts("{program} {rule}", {"hub": ["10.0.0.2", "fc00::2"]}, {"site": ["10.0.0.3"], "site-w": ["10.0.0.4"]})
    assert set(made) == {"hub", "site", "site-w"}
    assert {tuple(line.split()[:4]) for line in made["hub"].splitlines()} == {
        ("iptables", chain, "-s", ip) for chain in ("INPUT", "FORWARD") for ip in ("10.0.0.3", "10.0.0.4")
    }
    assert {tuple(line.split()[:4]) for line in made["site-w"].splitlines()} == {
        (program, chain, "-s", ip)
        for chain in ("INPUT", "FORWARD")
        for program, ip in (("iptables", "10.0.0.2"), ("ip6tables", "fc00::2"))
    }
    assert all(line.endswith("-j DROP") for script in made.values() for line in script.splitlines())


def test_audit_leaves_out_bodies(tmp_path: Path) -> None:
    node, worker = manifest(1, tmp_path / "audit")["nodes"]
    assert worker == {"role": "worker"}
    assert node["extraMounts"][0]["hostPath"] == str(tmp_path / "audit")
    policy = json.loads((tmp_path / "audit" / "policy.yaml").read_text())
    *left_out, last = policy["rules"]
    assert last == {"level": "Metadata"}
    assert {rule["level"] for rule in left_out} == {"None"}
    assert not [rule for rule in left_out if not {"users", "userGroups", "nonResourceURLs"} & rule.keys()]
    assert "extraMounts" not in manifest(0, None)["nodes"][0]


_HOLD = """
import sys
from policloud.testing.kind.ownership import own
held = own("policloud-x")
print(held is not None, flush=True)
sys.stdin.read()
"""


def test_a_cluster_is_its_makers_until_that_process_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLICLOUD_CACHE", str(tmp_path))
    maker = subprocess.Popen([sys.executable, "-c", _HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with maker:
        assert maker.stdout is not None
        assert maker.stdout.readline() == "True\n"
        assert own("policloud-x") is None
        maker.kill()
    left = own("policloud-x")
    assert left is not None, "a killed maker holds nothing"
    left.give_up()
    again = own("policloud-x")
    assert again is not None
    again.give_up()


def _docker(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    program = folder / "docker"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_without_docker_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _docker(tmp_path, monkeypatch, "exit 1")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert "Install Docker" in (complaint() or "")
    with pytest.raises(KindError, match="no Docker daemon answers"):
        have_daemon()


def test_the_official_image_is_taken_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    official = find_recipe().official_image
    _docker(tmp_path, monkeypatch, f'case "$*" in version*|*{official}) exit 0;; *) exit 1;; esac')
    monkeypatch.delenv("KIND_IMAGE", raising=False)
    assert nodeimage.node_image() == official
    monkeypatch.setenv("KIND_IMAGE", "example.org/node:1")
    assert nodeimage.node_image() == "example.org/node:1"


def test_our_own_is_taken_where_it_was_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own_image = find_recipe().own_image
    _docker(tmp_path, monkeypatch, f'case "$*" in version*|*inspect*{own_image}) exit 0;; *) exit 1;; esac')
    for wanted in ("", "build"):
        monkeypatch.setenv("KIND_IMAGE", wanted)
        assert nodeimage.node_image() == own_image


def test_an_image_without_a_registry_needs_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _docker(tmp_path, monkeypatch, 'case "$*" in version*) exit 0;; *) echo "no such host" >&2; exit 1;; esac')
    monkeypatch.setenv("POLICLOUD_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("KIND_IMAGE", "")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(KindError, match="as root"):
        nodeimage.node_image()


def test_mkimage_writes_the_same_bytes_twice(tmp_path: Path) -> None:
    layer = tmp_path / "layer"
    layer.mkdir()
    (layer / "file").write_text("content")
    program = find_recipe().folder / "mkimage.py"
    for name in ("a.tar", "b.tar"):
        options = ["--layer", layer, "--tag", "x:1", "--user", "65532", "--entrypoint", '["/file"]']
        subprocess.run([sys.executable, program, tmp_path / name, *options], check=True)
        (layer / "file").touch()  # a new time, the same content
    with tarfile.open(tmp_path / "a.tar") as a, tarfile.open(tmp_path / "b.tar") as b:
        assert a.getnames() == b.getnames()
        manifest_file = a.extractfile("manifest.json")
        assert manifest_file is not None
        entry = json.loads(manifest_file.read())[0]
        config = json.loads(a.extractfile(entry["Config"]).read())  # type: ignore[union-attr]
    assert entry["RepoTags"] == ["x:1"]
    assert config["config"]["User"] == "65532"
    assert len(entry["Layers"]) == len(config["rootfs"]["diff_ids"]) == 1
