"""Have helm before the first test of a folder: building it takes longer than any test may."""

from __future__ import annotations

from pathlib import Path

import pytest

from policloud.testing.helm import find


def have_helm_for(folder: Path, session: pytest.Session) -> None:
    """Call from `pytest_collection_finish` of the folder's conftest.py."""
    if session.config.option.collectonly or not any(item.path.is_relative_to(folder) for item in session.items):
        return
    capture = session.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        find()
