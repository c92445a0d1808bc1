"""The image as a pod runs it: no shell, no rights, a read-only root, and both programs get ready and end cleanly."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Literal

import pytest

from e2elab import images, releases
from policloud import __version__
from policloud.testing.contained import PYTHON, contained, described, once
from policloud.testing.controlplane import ControlPlane
from policloud.testing.kind import KindError, complaint
from policloud.testing.kind.docker import docker

_WITHOUT = complaint()
pytestmark = [
    pytest.mark.skipif(os.environ.get("CLUSTER") != "kind", reason="runs with CLUSTER=kind only (make e2e)"),
    pytest.mark.skipif(_WITHOUT is not None, reason=f"no containers here: {_WITHOUT}"),
    pytest.mark.timeout(900),
]
LARGEST_MB = 130
MOST_RESIDENT_MB = 150


@pytest.fixture(scope="module")
def image() -> str:
    ours = releases.ours()
    images.make(ours)
    return ours.image


def test_it_is_small_and_runs_as_nobody(image: str) -> None:
    it = described(image)
    assert it["Size"] < LARGEST_MB * 1e6
    assert it["Config"]["User"] == "65532:65532"
    assert it["Config"]["Entrypoint"] == ["policloud"]


def test_it_holds_the_program_and_nothing_to_attack_with(image: str) -> None:
    assert __version__ in once(image, "--version")
    listing = "import json, os; print(json.dumps([os.path.join(d, f) for d, _, fs in os.walk('/') for f in fs]))"
    # /proc and /sys are the kernel's
    files = [
        f for f in json.loads(once(image, "-c", listing, entrypoint=PYTHON)) if not f.startswith(("/proc", "/sys"))
    ]
    names = {Path(f).name for f in files}
    assert not names & {"sh", "bash", "dash", "busybox", "apt", "dpkg", "pip", "pip3", "curl", "perl", "su"}
    assert not [f for f in files if "/policloud/testing/" in f or "/pytest/" in f or "/kubernetes/" in f]
    assert [f for f in files if f.endswith("/policloud/crds/sovereignworkloads.policloud.io.yaml")]
    assert [f for f in files if f.startswith("/usr/share/doc/") and f.endswith("/copyright")], "licences of the base"


def test_every_file_is_roots_and_only_root_may_write_it(image: str) -> None:
    # By owner and mode: on a read-only file system nobody could write anyway
    code = (
        "import os\n"
        "paths = [os.path.join(d, f) for d, _, fs in os.walk('/') if not d.startswith(('/proc', '/sys', '/dev'))\n"
        "         for f in fs]\n"
        "found = {p: os.lstat(p) for p in paths if not os.path.islink(p)}\n"
        "bad = [p for p, s in found.items() if s.st_uid or s.st_mode & 0o6022]\n"
        "assert len(found) > 1000 and not bad, bad\n"
    )
    once(image, "-c", code, entrypoint=PYTHON)


@pytest.mark.parametrize("verb", [("hub", "--help"), ("hub", "verify", "--help"), ("site", "guard", "--help")])
def test_every_program_starts(image: str, verb: tuple[str, ...]) -> None:
    assert "Usage: policloud" in once(image, *verb)


def test_what_is_not_in_it_says_so(image: str) -> None:
    with pytest.raises(KindError, match="container image has no local federations"):
        once(image, "local", "status")


@pytest.mark.parametrize("role", ["hub", "site"])
def test_it_gets_ready_answers_and_ends(image: str, api_server: ControlPlane, role: Literal["hub", "site"]) -> None:
    namespace = f"image-{role}"
    api_server.kubectl("create", "namespace", namespace)
    settings = {"NAMESPACE": namespace} | ({"HUB_ID": "in-a-container"} if role == "hub" else {})
    with contained(image, role, api_server.kubeconfig, **settings) as one:
        one.wait_ready()
        assert one.memory().resident < MOST_RESIDENT_MB
        checks = json.loads(
            one.execute(
                "policloud",
                role,
                "--namespace",
                namespace,
                "verify",
                "--ready-url",
                f"http://{one.probe}/readyz",
                "-o",
                "json",
            )
        )
        assert checks
        with pytest.raises(KindError, match=r"executable file not found|no such file"):
            docker("exec", one.container, "sh", "-c", "true")
        assert one.stop() == 0
