"""The kstatus library itself, by which `helm --wait` and Flux decide, as a program built like the control plane."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

from policloud.ports import Body
from policloud.testing.controlplane.gotool import GoTool

TOOL = GoTool("kstatus", Path(__file__).parents[1] / "hack" / "kstatus", ".")


def verdicts(objects: Sequence[Body]) -> list[str]:
    """Current, InProgress, Failed, Terminating, NotFound or Unknown, for each."""
    answer = subprocess.run(
        [TOOL.program()], input=json.dumps(list(objects)), capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stderr
    return [verdict["status"] for verdict in json.loads(answer.stdout)]
