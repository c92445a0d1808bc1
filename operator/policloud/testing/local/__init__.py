"""A federation of real control planes on this machine: one hub, any number of sites, all as processes."""

from policloud.testing.local.errors import LocalError
from policloud.testing.local.federation import Federation

__all__ = ["Federation", "LocalError"]
