"""What we rely on also holds on kine, the store of k3s: watches, histories that are forgotten, restarts."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import yaml

from linklab import until
from policloud.adapters.kube.client import HttpCluster
from policloud.adapters.kube.connection import Connection
from policloud.adapters.kube.reflector import Reflector
from policloud.api.resources import CONFIG_MAP, LEASE
from policloud.ports import ApiError, Body
from policloud.runtime.store import Store, key_of
from policloud.testing.controlplane import ControlPlane, ControlPlaneError, apply_crds
from policloud.testing.controlplane.kine import tool

NS = "default"
_KIND = "configmaps"
# The API server asks for compaction as in production, only sooner; kine forgets all that it is told to.
_SOON = {"apiserver": ["--etcd-compaction-interval=1s"], "kine": ["--compact-min-retain=1"]}


@pytest.fixture(scope="module")
def kine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    plane = ControlPlane(tmp_path_factory.mktemp("kine"), "kine", ("kine", "apiserver"), arguments=_SOON)
    plane.start()
    apply_crds(plane)
    yield plane
    plane.remove()


class Rig:
    """A Reflector of the ConfigMaps, on a connection of its own."""

    def __init__(self, plane: ControlPlane) -> None:
        self.plane, self.store = plane, Store()
        self.cluster = HttpCluster(Connection.from_kubeconfig(plane.kubeconfig))
        self.told: list[str] = []
        self.stop = asyncio.Event()
        self.reflector = Reflector(
            self.cluster,
            CONFIG_MAP,
            NS,
            store=self.store,
            kind=_KIND,
            on_change=lambda body: self.told.append(key_of(body)[1]),
            longest_wait=0.5,
        )
        self.task = asyncio.ensure_future(self.reflector.run(self.stop))

    def names(self) -> set[str]:
        return {body["metadata"]["name"] for body in self.store.list(_KIND)} - {"kube-root-ca.crt"}

    async def make(self, *names: str) -> list[Body]:
        return [await self.cluster.create(CONFIG_MAP, config(name)) for name in names]

    async def close(self) -> None:
        self.stop.set()
        await self.task
        await self.cluster.close()


def config(name: str, **data: str) -> Body:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": NS, "name": name}, "data": data}


@pytest.fixture
async def rig(kine: ControlPlane) -> AsyncIterator[Rig]:
    kine.start()  # whatever the test before has left
    kine.api.request("DELETE", f"/api/v1/namespaces/{NS}/configmaps")
    rig = Rig(kine)
    await until(lambda: rig.store.synced(_KIND), "listed")
    yield rig
    await rig.close()


async def test_the_store_is_kine(kine: ControlPlane) -> None:
    assert (kine.directory / "kine" / "state.db").read_bytes().startswith(b"SQLite format 3")
    assert "configmaps" in kine.kubectl("api-resources", "--verbs=watch", "-o", "name")


async def test_a_watch_tells_every_change_in_its_order(rig: Rig) -> None:
    first, *_ = await rig.make("a", "b", "c")
    await rig.cluster.replace(CONFIG_MAP, {**first, "data": {"x": "1"}})
    await rig.cluster.delete(CONFIG_MAP, NS, "b")
    await until(lambda: rig.names() == {"a", "c"}, "all changes told")
    order = [name for name, _ in itertools.groupby(rig.told) if name in "abc"]  # an edit is told twice: new and old
    assert order == ["a", "b", "c", "a", "b"]


async def test_versions_grow_and_are_preconditions(rig: Rig) -> None:
    (first,) = await rig.make("a")
    second = await rig.cluster.replace(CONFIG_MAP, {**first, "data": {"x": "1"}})
    assert int(second["metadata"]["resourceVersion"]) > int(first["metadata"]["resourceVersion"])
    with pytest.raises(ApiError):
        await rig.cluster.replace(CONFIG_MAP, {**first, "data": {"x": "2"}})
    with pytest.raises(ApiError):
        await rig.make("a")


async def test_a_list_half_way_through_a_forgotten_history_is_begun_anew(rig: Rig) -> None:
    """kine answers "compacted", the API server makes 410 of it, and our client fetches the list in one piece."""
    await rig.make(*(f"m-{number:03}" for number in range(600)))  # more than one page
    await _forget(rig.plane)
    assert len((await rig.cluster.list(CONFIG_MAP, NS)).items) >= 600
    await until(lambda: len(rig.names()) >= 600, "the reflector has them all")


async def _forget(plane: ControlPlane) -> None:
    """Until a list that began now cannot be gone on with. Compaction follows the writes, an interval behind."""
    page = "/api/v1/namespaces?limit=1"
    token = plane.api.request("GET", page)["metadata"]["continue"]
    following = f"{page}&continue={quote(token)}"
    assert plane.api.raw("GET", following)[0] == 200
    numbers = itertools.count()

    def forgotten() -> bool:
        plane.api.apply(config("tick", n=str(next(numbers))))
        return plane.api.raw("GET", following)[0] == 410

    await until(lambda: asyncio.to_thread(forgotten), "the history is forgotten", 60)


async def test_what_went_while_nobody_watched_is_told_after_a_compaction(
    rig: Rig, make_control_plane: Callable[..., ControlPlane]
) -> None:
    """A second API server of the same store deletes while ours is away; when ours is back, the version is too old."""
    await rig.make("goes", "stays")
    await until(lambda: rig.names() == {"stays", "goes"}, "seen")
    other = make_control_plane("second", ("apiserver",), crds=False, etcd_url=rig.plane.etcd_url, arguments=_SOON)
    await asyncio.to_thread(rig.plane.stop_component, "apiserver")
    await until(lambda: not rig.reflector.connected, "the reflector has noticed")
    seen = max(int(body["metadata"]["resourceVersion"]) for body in rig.store.list(_KIND))
    rig.told.clear()
    await asyncio.to_thread(other.kubectl, "delete", "configmap", "goes", "-n", NS)
    await _forget(other)
    await asyncio.to_thread(rig.plane.start_component, "apiserver")

    watch = f"/api/v1/namespaces/{NS}/configmaps?watch=1&timeoutSeconds=1&resourceVersion={seen}"
    assert '"code":410' in rig.plane.api.raw("GET", watch)[1]
    await until(lambda: rig.names() == {"stays", "tick"}, "what went and what came is known", 60)
    assert "goes" in rig.told


@pytest.mark.parametrize("component", ["kine", "apiserver"])
async def test_a_killed_program_comes_back_and_the_watch_goes_on(rig: Rig, component: str) -> None:
    await rig.make("before")
    await until(lambda: rig.names() == {"before"}, "seen before")
    await asyncio.to_thread(rig.plane.kill_component, component)
    await asyncio.to_thread(rig.plane.start_component, component)
    await until(lambda: _can_write(rig), "writes work again", 60)
    await rig.cluster.delete(CONFIG_MAP, NS, "before")
    await until(lambda: rig.names() == {"after"}, "the watch tells what came after", 60)


async def _can_write(rig: Rig) -> bool:
    try:
        await rig.cluster.apply(CONFIG_MAP, config("after"), manager="t")
    except ApiError:
        return False
    return True


async def test_our_kinds_and_leases_are_served(kine: ControlPlane, rig: Rig) -> None:
    for namespace in {str(body["metadata"].get("namespace", NS)) for body in _samples()}:
        kine.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    applied = [kine.api.apply(body) for body in _samples() if body["apiVersion"].startswith("policloud.io/")]
    assert {body["kind"] for body in applied} >= {"PolicloudUnit", "EnergySource", "SovereignWorkload"}
    assert {body["status"]["observedGeneration"] for body in applied} == {-1}
    lease = {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": {"namespace": NS, "name": "l"}}
    made = await rig.cluster.create(LEASE, {**lease, "spec": {"holderIdentity": "me", "leaseDurationSeconds": 15}})
    with pytest.raises(ApiError):
        await rig.cluster.replace(LEASE, {**made, "metadata": {**made["metadata"], "resourceVersion": "1"}})


def _samples() -> list[Body]:
    folder = Path(__file__).parents[3] / "samples" / "reference"
    return [body for path in sorted(folder.glob("*.yaml")) for body in yaml.safe_load_all(path.read_text()) if body]


def test_the_page_names_the_kine_that_is_tested() -> None:
    page = (Path(__file__).parents[3] / "docs" / "how-to" / "install-on-k3s.md").read_text()
    assert f"kine {tool().pinned('github.com/k3s-io/kine').removeprefix('v')} " in page


def test_there_is_one_store(tmp_path: Path) -> None:
    with pytest.raises(ControlPlaneError, match="take etcd or kine, not both"):
        ControlPlane(tmp_path, "two", ("etcd", "kine", "apiserver"))


def test_a_named_kine_that_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_control_plane: Callable[..., ControlPlane]
) -> None:
    monkeypatch.setenv("POLICLOUD_KINE", str(tmp_path / "nothing"))
    with pytest.raises(ControlPlaneError, match=r"POLICLOUD_KINE=.*nothing is no program; name one, or unset it"):
        make_control_plane(components=("kine", "apiserver"), crds=False)
