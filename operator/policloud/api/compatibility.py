"""What an operator of this release needs of its cluster: the oldest Kubernetes, and CRDs that know all its fields."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from policloud.api.names import CRD_VERSION_ANNOTATION

CRD_VERSION: Final = 1
"""Raised by one whenever a CRD gets a field or a rule that the operator relies on; written on every CRD."""

OLDEST_KUBERNETES: Final = (1, 33)


def kubernetes_version(git_version: str) -> tuple[int, int] | None:
    """`v1.33.4+k3s1` → (1, 33); None if it is no version."""
    match = re.match(r"v?(\d+)\.(\d+)", git_version)
    return (int(match[1]), int(match[2])) if match else None


def crd_version(definition: Mapping[str, Any]) -> int:
    """The version that a CustomResourceDefinition carries; 0 if none, or none that is a number."""
    text = (definition["metadata"].get("annotations") or {}).get(CRD_VERSION_ANNOTATION, "")
    return int(text) if text.isdecimal() else 0
