"""Every test here looks at all renderings, made once; helm is found, or built, before the first."""

from __future__ import annotations

import pytest

from rendered import Rendering, renderings


@pytest.fixture(scope="session")
def rendered() -> tuple[Rendering, ...]:
    return renderings()
