"""Output for programs: one stable document a verb, as JSON or YAML."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

API_VERSION = "cli.policloud.io/v1"


def document(kind: str, content: Mapping[str, Any]) -> dict[str, Any]:
    """Keys are camelCase and carry their unit (`usedWatts`); what is not known is null. Fields are only added."""
    return {"apiVersion": API_VERSION, "kind": kind, **content}


def emit(output: str, body: Mapping[str, Any], names: Sequence[str] = ()) -> None:
    """Prints a document as `json` or `yaml`, or just `names`, one a line."""
    if output == "json":
        sys.stdout.write(json.dumps(body, indent=2, ensure_ascii=False) + "\n")
    elif output == "yaml":
        import yaml  # noqa: PLC0415 - a tenth of a second that the other outputs need not pay

        sys.stdout.write(yaml.safe_dump(dict(body), sort_keys=False, allow_unicode=True))
    else:
        sys.stdout.writelines(f"{name}\n" for name in names)
