"""What goes wrong with a local federation; the text is meant to be shown as it is."""

from __future__ import annotations

from policloud.testing.controlplane import ControlPlaneError


class LocalError(ControlPlaneError):
    """What is wrong, with which value, and what to do."""
