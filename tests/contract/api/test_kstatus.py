"""`helm --wait` and Flux see every state of our kinds as it is: the real kstatus, on what a real API server returns."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from kstatus import verdicts
from manifests import GROUP, SAMPLES, documents
from policloud.ports import Body
from policloud.testing.controlplane import ControlPlane
from policloud.testing.controlplane.rest import APPLY, path_of
from verdicts import STATES, State

NS = "kstatus"
_numbers = itertools.count(1)


def _specs() -> dict[str, Body]:
    found = [d for path in sorted((SAMPLES / "reference").glob("*.yaml")) for d in documents(path)]
    return {d["kind"]: d["spec"] for d in found if d["apiVersion"] == GROUP}


pytestmark = pytest.mark.usefixtures("kstatus")


@pytest.fixture(scope="module")
def place(api_server: ControlPlane) -> Iterator[ControlPlane]:
    api_server.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NS}})
    yield api_server
    api_server.kubectl("delete", "policloud", "--all", "-n", NS)


def made(place: ControlPlane, kind: str) -> Body:
    """As a user applies it: no status of its own."""
    manifest = {
        "apiVersion": GROUP,
        "kind": kind,
        "metadata": {"namespace": NS, "name": f"o-{next(_numbers)}"},
        "spec": _specs()[kind],
    }
    body: Body = place.api.apply(manifest)
    return body


def told(place: ControlPlane, body: Body, status: Body) -> Body:
    bare = {"apiVersion": GROUP, "kind": body["kind"], "metadata": {"namespace": NS, "name": body["metadata"]["name"]}}
    path = f"{path_of(bare)}/status?fieldManager=test&force=true&fieldValidation=Strict"
    answer: Body = place.api.request("PATCH", path, {**bare, "status": status}, content_type=APPLY)
    return answer


@pytest.mark.parametrize("kind", sorted(_specs()))
def test_nobody_has_looked_yet(place: ControlPlane, kind: str) -> None:
    """Without the default status of the schema, kstatus would call a fresh object Current."""
    assert verdicts([made(place, kind)]) == ["InProgress"]


@pytest.mark.parametrize("state", STATES, ids=str)
def test_kstatus_sees_the_state(place: ControlPlane, state: State) -> None:
    body = made(place, state.resource.kind)
    seen = told(place, body, state.status(body["metadata"]["generation"]))
    assert verdicts([seen]) == [state.kstatus]


def test_an_object_that_goes_is_terminating(place: ControlPlane) -> None:
    body = made(place, "SovereignWorkload")
    running = told(place, body, STATES[0].status(body["metadata"]["generation"]))
    running["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    assert verdicts([running]) == ["Terminating"]


def test_the_program_tells_ready_from_not() -> None:
    """A tool that always says the same would pass most of the above."""
    bare = {"apiVersion": GROUP, "kind": "SovereignWorkload", "metadata": {"name": "a", "generation": 1}}
    assert verdicts([bare]) == ["Current"], "this is why our schemas have a default status"
