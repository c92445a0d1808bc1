"""`python -m policloud.testing.kind image`: prints the name of the node image, having made or pulled it if need be."""

from __future__ import annotations

import sys

from policloud.testing.controlplane.errors import ControlPlaneError
from policloud.testing.kind.errors import KindError
from policloud.testing.kind.nodeimage import node_image
from policloud.testing.kind.programs import find_kind


def main(arguments: list[str]) -> int:
    if arguments != ["image"]:
        sys.stderr.write("usage: python -m policloud.testing.kind image\n")
        return 2
    try:
        sys.stdout.write(f"{node_image()}\n")
        find_kind()
    except (KindError, ControlPlaneError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
