"""The health script for Argo CD, run by Lua over every state; the ConfigMap of the page carries the same script."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lupa.lua51  # what Argo CD embeds speaks Lua 5.1
import pytest
import yaml

from verdicts import DEGRADED, HEALTHY, PROGRESSING, STATES, SUSPENDED, State

FOLDER = Path(__file__).parents[3] / "docs" / "how-to" / "gitops"
SCRIPT = (FOLDER / "health.lua").read_text()


def health(body: dict[str, Any]) -> tuple[str, str]:
    runtime = lupa.lua51.LuaRuntime(register_eval=False, register_builtins=False)
    runtime.globals()["obj"] = _table(runtime, body)
    answer = runtime.execute(SCRIPT)
    return answer["status"], answer["message"]


def _table(runtime: Any, value: Any) -> Any:
    if isinstance(value, dict):
        return runtime.table_from({key: _table(runtime, item) for key, item in value.items()})
    if isinstance(value, list):
        return runtime.table_from([_table(runtime, item) for item in value])
    return value


def body(status: dict[str, Any] | None, generation: int = 2) -> dict[str, Any]:
    return {"metadata": {"name": "a", "generation": generation}} | ({"status": status} if status is not None else {})


@pytest.mark.parametrize("state", STATES, ids=str)
def test_health_of_every_state(state: State) -> None:
    status, message = health(body(state.status(2)))
    assert status == state.argo
    assert message, "people read the reason in the tree"


@pytest.mark.parametrize("status", [None, {}, {"conditions": []}, {"observedGeneration": -1, "conditions": []}])
def test_a_fresh_object_is_in_progress(status: dict[str, Any] | None) -> None:
    assert health(body(status)) == (PROGRESSING, "not looked at yet")


def test_the_message_is_that_of_the_condition() -> None:
    failed = next(s for s in STATES if s.name == "template conflict")
    assert health(body(failed.status(2)))[1] == "the pod template sets nvidia.com/gpu: remove it"


def test_every_verdict_of_argo_cd_is_met() -> None:
    assert {s.argo for s in STATES} == {HEALTHY, PROGRESSING, SUSPENDED, DEGRADED}


def test_the_config_map_carries_this_script() -> None:
    data = yaml.safe_load((FOLDER / "argocd-cm.yaml").read_text())["data"]
    customizations = yaml.safe_load(data["resource.customizations"])
    assert customizations["policloud.io/*"]["health.lua"].strip() == SCRIPT.strip()
