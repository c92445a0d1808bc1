"""Real clusters on this machine by kind: created in parallel, cut off from each other, always removed."""

from policloud.testing.kind.cluster import KindCluster
from policloud.testing.kind.clusters import clusters, sweep
from policloud.testing.kind.docker import complaint
from policloud.testing.kind.errors import KindError
from policloud.testing.kind.network import cut, heal
from policloud.testing.kind.nodeimage import node_image

__all__ = ["KindCluster", "KindError", "clusters", "complaint", "cut", "heal", "node_image", "sweep"]
