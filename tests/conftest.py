"""Fixtures for everybody: a real API server with our CRDs, more of them on demand, kubectl.

Nothing of ours is imported before a test asks for it, so that unit tests start at once.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import hypothesis  # noqa: F401 - early: its plugin imports it for the summary, and CPython 3.11 can crash that late
import pytest

if TYPE_CHECKING:
    from policloud.testing.controlplane import ControlPlane
    from policloud.testing.local import Federation

_NEED_BINARIES = frozenset({"api_server", "make_control_plane", "make_federation"})
_NEED_BUILDS = frozenset({"kine", "kstatus"})


def pytest_collection_finish(session: pytest.Session) -> None:
    """Have the binaries before the first test: a build takes longer than any test may."""
    if session.config.option.collectonly:
        return
    wanted = {name for item in session.items for name in getattr(item, "fixturenames", ())}
    if not (_NEED_BINARIES | _NEED_BUILDS) & wanted:
        return
    capture = session.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        _build(wanted)


def _build(wanted: set[str]) -> None:
    from policloud.testing.controlplane import find_binaries, kine  # noqa: PLC0415 - see above

    if _NEED_BINARIES & wanted or "kine" in wanted:
        find_binaries()
    if "kine" in wanted:
        kine.find()
    if "kstatus" in wanted:
        import kstatus  # noqa: PLC0415 - see above

        kstatus.TOOL.program()


@pytest.fixture(scope="module", autouse=True)
def no_thread_of_kopf_is_left() -> Iterator[None]:
    """One that goes on would retry an API server that is gone, and disturb tests that have nothing to do with it."""
    yield
    left = [thread for thread in threading.enumerate() if thread.name.startswith("kopf-")]
    for thread in left:
        thread.join(10.0)  # a busy machine ends it late
    assert [thread.name for thread in left if thread.is_alive()] == []


@pytest.fixture(scope="session")
def kstatus() -> None:
    """Whoever asks for it gets the kstatus program built before the first test."""


@pytest.fixture(scope="session")
def api_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """One bare API server (etcd, no controllers) for the whole run, our CRDs served. Use namespaces of your own."""
    from policloud.testing.controlplane import ControlPlane, apply_crds  # noqa: PLC0415 - see above

    plane = ControlPlane(tmp_path_factory.mktemp("api-server"), "test")
    plane.start()
    try:
        apply_crds(plane)
        yield plane
    finally:
        plane.remove()


@pytest.fixture
def make_control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., ControlPlane]]:
    """`make_control_plane("hub", components=(...), crds=True, **options of ControlPlane)`: started, gone afterwards."""
    from policloud.testing.controlplane import ControlPlane, apply_crds  # noqa: PLC0415 - see above

    made: list[ControlPlane] = []
    numbers = itertools.count(1)

    def make(
        name: str | None = None,
        components: Sequence[str] = ("etcd", "apiserver"),
        *,
        crds: bool = True,
        **options: Any,
    ) -> ControlPlane:
        plane_name = name or f"plane-{next(numbers)}"
        plane = ControlPlane(tmp_path_factory.mktemp(plane_name), plane_name, components, **options)
        made.append(plane)
        plane.start()
        if crds:
            apply_crds(plane)
        return plane

    yield make
    for plane in reversed(made):
        plane.remove()


@pytest.fixture
def make_federation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Federation]]:
    """`make_federation(only=("cannes", "dijon"), **options of Federation.create)`: up, down again after the test."""
    from policloud.testing.local import Federation  # noqa: PLC0415 - see above

    made: list[Federation] = []

    def make(**options: Any) -> Federation:
        federation = Federation.create(tmp_path_factory.mktemp("federation"), **options)
        made.append(federation)
        federation.up()
        return federation

    yield make
    for federation in made:
        federation.down()


@pytest.fixture
def kubectl(api_server: ControlPlane) -> Callable[..., str]:
    """`kubectl("get", "pcu", "-A", input=None)` against `api_server`, as administrator; its stdout."""
    return api_server.kubectl
