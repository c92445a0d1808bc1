"""Every test here looks at all renderings, made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from helmfirst import have_helm_for
from rendered import Rendering, renderings


def pytest_collection_finish(session: pytest.Session) -> None:
    have_helm_for(Path(__file__).parent, session)


@pytest.fixture(scope="session")
def rendered() -> tuple[Rendering, ...]:
    return renderings()
