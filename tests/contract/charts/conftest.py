"""Helm is there before the first test."""

from __future__ import annotations

from pathlib import Path

import pytest

from helmfirst import have_helm_for


def pytest_collection_finish(session: pytest.Session) -> None:
    have_helm_for(Path(__file__).parent, session)
