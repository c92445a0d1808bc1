"""Reading fleet folders, naming components, and the line between a site and its hub."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from policloud.testing.controlplane import data_folder
from policloud.testing.controlplane.ports import free_port
from policloud.testing.controlplane.processes import Processes
from policloud.testing.local import Federation, LocalError, link
from policloud.testing.local.components import everything, parse
from policloud.testing.local.fleet import NodeGroup, read_fleet
from policloud.testing.local.hardware import nodes_of

_SEED = data_folder("samples") / "fleet"


def test_the_seed_fleet_is_eight_sites_and_nine_units() -> None:
    sites = read_fleet(_SEED)
    assert len(sites) == 8
    assert sum(len(site.units) for site in sites) == 9
    gpus = {site.name: sum(group.count * group.gpus for group in site.groups) for site in sites}
    assert gpus["cannes"] == gpus["dijon"] == 104
    assert gpus["rougeline"] == 360
    assert gpus["texas"] == 800


def test_three_sites_are_the_telling_ones() -> None:
    assert [site.name for site in read_fleet(_SEED, limit=3)] == ["cannes", "cloudgrid", "rougeline"]


def test_memberships_vouch_for_every_unit() -> None:
    for site in read_fleet(_SEED):
        (membership,) = [manifest for manifest in site.membership if manifest["kind"] == "SiteMembership"]
        attested = {entry["unit"]: entry for entry in membership["spec"]["attested"]}
        units = {m["metadata"]["name"]: m["spec"] for m in site.manifests if m["kind"] == "PolicloudUnit"}
        assert attested.keys() == units.keys()
        for name, spec in units.items():
            for fact in ("location", "operator", "exposures", "ownership"):
                assert attested[name][fact] == spec[fact], (site.name, name, fact)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "lonely").mkdir()
    (tmp_path / "lonely" / "site.yaml").write_text("{}")
    with pytest.raises(LocalError, match=r"lonely lacks membership.yaml, nodes.yaml"):
        read_fleet(tmp_path)


def test_an_unknown_field_of_a_group_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "one"
    folder.mkdir()
    for name in ("site.yaml", "membership.yaml"):
        (folder / name).write_text("")
    (folder / "nodes.yaml").write_text("groups: [{prefix: a, count: 1, gpus: 8, product: X, colour: red}]")
    with pytest.raises(LocalError, match="a group has no field 'colour'; it has count, cpu"):
        read_fleet(tmp_path)


def test_an_unknown_site_is_named() -> None:
    with pytest.raises(LocalError, match="has no site atlantis; there are cannes"):
        read_fleet(_SEED, only=["atlantis"])


def test_nodes_carry_gpus_and_labels() -> None:
    group = NodeGroup("a", 2, 8, "NVIDIA-L40S", {"policloud.io/pool": "l40s"})
    first, second = nodes_of(group)
    assert [first["metadata"]["name"], second["metadata"]["name"]] == ["a-01", "a-02"]
    assert first["status"]["allocatable"]["nvidia.com/gpu"] == "8"
    assert first["metadata"]["labels"]["nvidia.com/gpu.product"] == "NVIDIA-L40S"
    assert first["metadata"]["labels"]["policloud.io/pool"] == "l40s"


@pytest.mark.parametrize(
    ("name", "plane", "process"),
    [
        ("hub", None, "hub"),
        ("hub-apiserver", "hub", "apiserver"),
        ("site:a", None, "site-a"),
        ("site-apiserver:a", "a", "apiserver"),
        ("site-controller-manager:a", "a", "controller-manager"),
        ("link:a", None, "link-a"),
    ],
)
def test_component_names(name: str, plane: str | None, process: str) -> None:
    component = parse(name, ["a"])
    assert (component.plane, component.process) == (plane, process)


@pytest.mark.parametrize("name", ["site", "site:b", "site-etcd:a", "hub:a", "link", "", "site-apiserver:"])
def test_what_is_no_component_is_refused_with_what_there_is(name: str) -> None:
    with pytest.raises(LocalError, match=r"no component is named .*; there are hub, hub-apiserver, site:NAME"):
        parse(name, ["a"])


def test_every_component_has_a_name_that_parses() -> None:
    assert len({component.name for component in everything(["a", "b"])}) == 4 + 2 * 6


def test_a_directory_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(LocalError, match="is not empty and holds no federation"):
        Federation.create(tmp_path)
    assert (tmp_path / "thesis.txt").exists()


def test_no_federation_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="holds no federation; start one with: policloud local up --dir"):
        Federation.open(tmp_path)


async def test_the_line_reaches_its_hub_alone_and_can_be_cut(tmp_path: Path) -> None:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1000):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    hub, port = server.sockets[0].getsockname()[1], free_port()
    processes = Processes(tmp_path)
    processes.start("link", (sys.executable, "-I", "-S", link.__file__, str(port), f"127.0.0.1:{hub}"))
    try:
        reader, writer = await _connect(port)
        writer.write(f"CONNECT 127.0.0.1:{hub} HTTP/1.1\r\n\r\n".encode())
        assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 200 Connection established\r\n\r\n"
        writer.write(b"to the hub and back")
        assert await reader.readexactly(19) == b"to the hub and back"

        other_reader, other_writer = await _connect(port)
        other_writer.write(b"CONNECT 127.0.0.1:22 HTTP/1.1\r\n\r\n")
        assert (await other_reader.readline()).startswith(b"HTTP/1.1 403")
        other_writer.close()

        processes.kill("link")
        assert await reader.read() == b""  # what was open is cut
        with pytest.raises(OSError, match=r"refused|Connect call failed"):
            await asyncio.open_connection("127.0.0.1", port)
        writer.close()
    finally:
        processes.kill("link")
        server.close()


async def _connect(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    while True:
        try:
            return await asyncio.open_connection("127.0.0.1", port)
        except ConnectionRefusedError:
            await asyncio.sleep(0.01)
