"""Free TCP ports on the loopback address."""

from __future__ import annotations

import contextlib
import random
import socket
from pathlib import Path

LOOPBACK = "127.0.0.1"
_TRIES = 200
_LOWEST = 15_000


def is_free(port: int) -> bool:
    with contextlib.closing(socket.socket()) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def free_port() -> int:
    """A port that nothing listens on, below the range that the kernel takes for outgoing connections.

    A server that is stopped must find its port free when it starts again; a port from the kernel's own range may by
    then be the near end of somebody's connection.
    """
    first = _first_ephemeral_port()
    generator = random.SystemRandom()
    for _ in range(_TRIES):
        port = generator.randrange(_LOWEST, first)
        if is_free(port):
            return port
    raise OSError(f"no free TCP port between {_LOWEST} and {first} on {LOOPBACK} after {_TRIES} tries")


def _first_ephemeral_port() -> int:
    try:
        first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        first = 32_768
    return first if first > _LOWEST + 1_000 else 65_536
