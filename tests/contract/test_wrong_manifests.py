"""What a user reads when a manifest cannot be right: the whole of it, from a real API server, with the values in it.

The cases stand in wrong/*.yaml, one file a kind: a good manifest of samples/reference is spoilt in one place (`set`),
or edited into something that must not be (`then`), or its status is written wrongly (`status`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from manifests import SAMPLES, changed, documents
from policloud.testing.controlplane import ControlPlane, ControlPlaneError

FOLDER = Path(__file__).parent / "wrong"
NAMESPACE = "wrong-manifests"


class Case(NamedTuple):
    kind: str
    base: str
    number: int
    case: dict[str, Any]

    @property
    def good(self) -> dict[str, Any]:
        found = next(d for d in documents(SAMPLES / "reference" / self.base) if d["kind"] == self.kind)
        # The case's own name, so that cases never meet; a namespace of our own, so that nobody else's do
        return {**found, "metadata": {"name": f"case-{self.number}", "namespace": NAMESPACE}}

    @property
    def says(self) -> str:
        """The whole of what kubectl prints."""
        name = self.case.get("set", {}).get("metadata.name", f"case-{self.number}")
        says, begin = self.case["says"], f'The {self.kind} "{name}" is invalid: '
        if isinstance(says, list):
            return "\n* ".join([begin, *says])
        return says if says.startswith("Error from server") else begin + says


def _cases() -> list[Case]:
    cases = []
    for path in sorted(FOLDER.glob("*.yaml")):
        table = yaml.safe_load(path.read_text(encoding="utf-8"))
        cases += [Case(table["kind"], table["base"], i, case) for i, case in enumerate(table["cases"])]
    return cases


CASES = _cases()

Send = Callable[..., str]


@pytest.fixture(scope="module")
def send(api_server: ControlPlane) -> Iterator[Send]:
    """kubectl with a manifest on stdin: "" if the API server takes it, else what the user reads."""
    api_server.kubectl("create", "namespace", NAMESPACE)

    def send(verb: str, manifest: dict[str, Any], *options: str) -> str:
        arguments = (verb, "--validate=strict", *options, "-f", "-")
        try:
            api_server.kubectl(*arguments, input=yaml.safe_dump(manifest))
        except ControlPlaneError as e:
            return str(e).removeprefix(f"kubectl {' '.join(arguments)}: ")
        return ""

    yield send
    # Others list all namespaces of the same API server
    api_server.kubectl("delete", ",".join(sorted({c.kind for c in CASES})), "--all", f"--namespace={NAMESPACE}")


@pytest.mark.parametrize("case", CASES, ids=[f"{c.kind}: {c.case['name']}" for c in CASES])
def test_says(case: Case, send: Send) -> None:
    assert _lines(said(case, send)) == _lines(case.says)


def _lines(text: str) -> list[str]:
    """In one order: the API server walks fields as its maps give them."""
    first, *others = text.splitlines()
    return [first, *sorted(others)]


def said(case: Case, send: Send) -> str:
    """What the user reads at the step that must fail; the steps before must not."""
    first = changed(case.good, case.case.get("set", {}))
    if "then" not in case.case and "status" not in case.case:
        return send("create", first, "--dry-run=server")
    assert send("create", first) == ""
    if "then" in case.case:
        return send("replace", changed(first, case.case["then"]), "--dry-run=server")
    if "status then" in case.case:
        assert send("replace", {**first, "status": case.case["status"]}, "--subresource=status") == ""
    return send(
        "replace", {**first, "status": case.case.get("status then", case.case["status"])}, "--subresource=status"
    )


def test_there_are_enough_of_them_each_under_its_own_name() -> None:
    assert len(CASES) >= 60
    assert len({(c.kind, c.case["name"]) for c in CASES}) == len(CASES)
