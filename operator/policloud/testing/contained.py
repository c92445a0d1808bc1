"""A process of ours in a container, held to what the charts hold a pod to, against an API server of this machine."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from policloud.testing.controlplane.ports import free_port
from policloud.testing.kind.docker import docker

# Read-only root, no capability, a user without rights, no way to more; /tmp in memory, as an emptyDir may be
RESTRICTED = (
    *("--read-only", "--cap-drop", "ALL", "--user", "65532:65532"),
    *("--security-opt", "no-new-privileges", "--tmpfs", "/tmp:mode=1777"),  # noqa: S108 - inside the container
)
PYTHON = "/opt/policloud/bin/python3"
_POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Memory:
    """Of one process, in MB. `peak` is the most it ever held."""

    resident: float
    peak: float


def once(image: str, *arguments: str, entrypoint: str | None = None) -> str:
    """What one run prints, without any network.

    Raises:
        KindError: it ended with an error; the text is what it said.
    """
    entry = ("--entrypoint", entrypoint) if entrypoint else ()
    return docker("run", "--rm", "--network", "none", *RESTRICTED, *entry, image, *arguments)


@dataclass(frozen=True, slots=True)
class Contained:
    """One that runs: `policloud hub` or `policloud site`."""

    container: str
    probe: str

    def wait_ready(self, seconds: float = 60.0) -> float:
        """Seconds from when the container runs until it is ready.

        Raises:
            TimeoutError: it was not in time; the text ends with its log.
        """
        begin, end = time.monotonic(), time.monotonic() + seconds
        while not self._is_ready():
            if time.monotonic() > end or not self.running():
                raise TimeoutError(f"{self.container} is not ready after {seconds:.0f} s:\n{self.logs()[-3000:]}")
            time.sleep(_POLL_SECONDS)
        return time.monotonic() - begin

    def running(self) -> bool:
        return docker("inspect", "--format", "{{.State.Running}}", self.container).strip() == "true"

    def logs(self) -> str:
        return docker("logs", "--tail", "50", self.container)

    def memory(self) -> Memory:
        pid = docker("inspect", "--format", "{{.State.Pid}}", self.container).strip()
        status = Path("/proc", pid, "status").read_text()
        found = dict(re.findall(r"^(VmRSS|VmHWM):\s*(\d+) kB", status, re.MULTILINE))
        return Memory(resident=int(found["VmRSS"]) / 1000, peak=int(found["VmHWM"]) / 1000)

    def execute(self, *command: str) -> str:
        return docker("exec", self.container, *command)

    def stop(self, seconds: int = 20) -> int:
        """Its exit code after SIGTERM."""
        docker("stop", "--time", str(seconds), self.container, timeout=seconds + 30)
        return int(docker("inspect", "--format", "{{.State.ExitCode}}", self.container))

    def _is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{self.probe}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)  # noqa: PLR2004
        except (urllib.error.URLError, OSError):
            return False


@contextlib.contextmanager
def contained(image: str, role: Literal["hub", "site"], kubeconfig: Path, **settings: str) -> Iterator[Contained]:
    """`policloud ROLE` with that kubeconfig; `settings` are its options as variables spell them (`HUB_ID="eu"`)."""
    port = free_port()
    probe = f"127.0.0.1:{port}"
    environment = {"KUBECONFIG": "/etc/policloud/kubeconfig", "PROBE_LISTEN": probe, **settings}
    with tempfile.TemporaryDirectory(prefix="policloud-") as folder:
        Path(folder).chmod(0o755)
        shutil.copy2(kubeconfig, Path(folder, "kubeconfig"))
        Path(folder, "kubeconfig").chmod(
            0o644
        )  # the container's user is another one; the key lives as long as the test
        container = docker(
            *("run", "--detach", "--network", "host", *RESTRICTED, "--volume", f"{folder}:/etc/policloud:ro"),
            *(w for k, v in environment.items() for w in ("--env", f"POLICLOUD_{role.upper()}_{k}={v}")),
            *(image, role),
        ).strip()
        try:
            yield Contained(container, probe)
        finally:
            docker("rm", "--force", "--volumes", container)


def described(image: str) -> dict[str, Any]:
    """Docker's description of an image."""
    found: dict[str, Any] = json.loads(docker("image", "inspect", image))[0]
    return found
