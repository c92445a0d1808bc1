"""Files that ship with the package: `crds` and `samples`, from the wheel or from a checkout."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from policloud.cli.errors import CliError

_PACKAGE = Path(__file__).resolve().parents[1]


@cache
def directory(name: str) -> Path:
    """`policloud/<name>` of an installed wheel, else `<name>` of the checkout that this module lies in."""
    for candidate in (_PACKAGE / name, _PACKAGE.parents[1] / name):
        if candidate.is_dir():
            return candidate
    raise CliError(
        f"this installation lacks its {name} directory", fix="install the wheel again, or run from a full checkout"
    )
