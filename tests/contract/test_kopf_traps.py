"""Three ways in which an operator on Kopf stays alive and deaf, or dies; each against a real API server."""

import base64
import json
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from operators import SmallOperator, until
from policloud.adapters.kube.connection import Connection
from policloud.testing.controlplane import ControlPlane
from policloud.testing.wire import Wire


@pytest.fixture
def plane(make_control_plane: Callable[..., ControlPlane]) -> ControlPlane:
    """One of its own: these tests stop and compact it."""
    return make_control_plane(crds=False)


def _etcd(plane: ControlPlane, path: str, **body: object) -> dict[str, dict[str, str]]:
    request = urllib.request.Request(f"{plane.etcd_url}{path}", json.dumps(body).encode())  # noqa: S310 - our own etcd
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        return json.load(answer)


def _compact(plane: ControlPlane) -> None:
    """Forget all history up to now: a watch from before can only answer 410."""
    anything = base64.b64encode(b"/").decode()
    revision = _etcd(plane, "/v3/kv/range", key=anything)["header"]["revision"]
    _etcd(plane, "/v3/kv/compaction", revision=revision, physical=True)


def _apply(plane: ControlPlane, kind: str, names: list[str]) -> None:
    objects = [{"apiVersion": "v1", "kind": kind, "metadata": {"name": n, "namespace": "default"}} for n in names]
    plane.kubectl("apply", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))


def _through(plane: ControlPlane, wire: Wire, path: Path) -> Connection:
    path.write_text(plane.kubeconfig.read_text().replace(plane.url, f"https://127.0.0.1:{wire.port}"))
    return Connection.from_kubeconfig(path)


def test_deletions_that_a_compaction_hides_from_the_watch_are_found(plane: ControlPlane, tmp_path: Path) -> None:
    names = [f"thing-{n}" for n in range(20)]
    gone = names[:6]
    _apply(plane, "ConfigMap", names)
    _apply(plane, "Secret", names)
    host, port = plane.url.removeprefix("https://").split(":")
    with Wire(host, int(port)) as wire, SmallOperator(_through(plane, wire, tmp_path / "kubeconfig")) as small:
        until(small.ready, "ready")
        until(lambda: set(names) <= small.names() and set(names) <= small.names("secrets"), "all seen")
        _apply(plane, "ConfigMap", ["told"])
        until(lambda: "told" in small.names(), "the watch runs")
        missed_before = small.missed("configmaps", "deleted")

        wire.cut()
        plane.kubectl("delete", "configmap,secret", *gone)
        _apply(plane, "ConfigMap", ["later"])
        _compact(plane)
        plane.stop_component("apiserver")  # its own cache of history goes with it
        plane.start_component("apiserver")
        small.reconciled.clear()
        wire.mend()

        until(lambda: "later" in small.names(), "the watch listed anew", 60)
        until(lambda: not small.names() & set(gone), "deletions found that Kopf never tells", 30)
        until(lambda: not small.names("secrets") & set(gone), "deletions found by the reflector", 60)
        assert small.missed("configmaps", "deleted") - missed_before == len(gone), (
            "found by the sweep, not told by Kopf"
        )
        until(lambda: {("configmaps", ("default", n)) for n in gone} <= set(small.reconciled), "each was reconciled")
        assert small.names() >= set(names[6:])
        until(small.ready, "ready again")


def _outage(plane: ControlPlane, seconds: float) -> None:
    _apply(plane, "ConfigMap", ["before"])
    with SmallOperator.of(plane.kubeconfig) as small:
        until(small.ready, "ready")
        plane.stop_component("apiserver")
        with pytest.raises(AssertionError):
            until(lambda: not small.alive or small.ask("/healthz")[0] != 200, "it gives up", seconds)
        assert "before" in small.names(), "no answer is not a deletion"
        plane.start_component("apiserver")
        _apply(plane, "ConfigMap", ["after"])
        _apply(plane, "Secret", ["after"])
        took = until(lambda: {"after"} <= small.names() & small.names("secrets"), "events flow again", 60)
        assert took < 30, "waits between tries stay short: it is its own API server"
        until(lambda: ("configmaps", ("default", "after")) in small.reconciled, "and are worked on")
        until(small.ready, "ready again")
        plane.kubectl("delete", "configmap", "after")
        until(lambda: "after" not in small.names(), "deletions flow too")


def test_an_api_server_away_for_half_a_minute(plane: ControlPlane) -> None:
    _outage(plane, 30)


@pytest.mark.long
def test_an_api_server_away_for_two_minutes(plane: ControlPlane) -> None:
    _outage(plane, 120)


def test_an_operator_started_before_its_api_server(plane: ControlPlane) -> None:
    _apply(plane, "ConfigMap", ["before"])
    plane.stop_component("apiserver")
    with SmallOperator.of(plane.kubeconfig) as small:
        until(lambda: small.probe.port and small.ask("/healthz")[0] == 200, "alive without an API server")
        status, reasons = small.ask("/readyz")
        assert status == 503
        assert "sync: " in reasons
        plane.start_component("apiserver")
        took = until(small.ready, "ready", 60)
        assert "before" in small.names()
        _apply(plane, "ConfigMap", ["after"])
        until(lambda: "after" in small.names(), f"the watch runs (ready after {took:.1f} s)")
