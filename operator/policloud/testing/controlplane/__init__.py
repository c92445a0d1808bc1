"""Real control planes as processes: binaries found or built, started, checked, stopped, never left behind."""

from policloud.testing.controlplane.binaries import Binaries, find_binaries, look_up
from policloud.testing.controlplane.crds import apply_crds, data_folder
from policloud.testing.controlplane.errors import ControlPlaneError
from policloud.testing.controlplane.plane import ControlPlane

__all__ = ["Binaries", "ControlPlane", "ControlPlaneError", "apply_crds", "data_folder", "find_binaries", "look_up"]
