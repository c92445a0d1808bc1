"""One hub on the shared API server for each test of the line between hub and site."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from linklab import HubLab
from policloud.testing.controlplane import ControlPlane


@pytest.fixture
async def hub(api_server: ControlPlane, tmp_path: Path) -> AsyncIterator[HubLab]:
    async with HubLab(api_server, tmp_path) as lab:
        yield lab
