"""Pages made from the code say what the code says, links between pages lead somewhere, commands exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from policloud.cli.main import VERBS
from policloud.cli.reference import PAGES
from policloud.cli.render.reasons import UNIT_REASONS, WORKLOAD_REASONS
from policloud.domain.reasons import Reason, WorkloadReason

ROOT = Path(__file__).parents[2]
PROSE = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("samples/**/*.md")]


@pytest.mark.parametrize("name", PAGES)
def test_page_is_up_to_date(name: str) -> None:
    found = (ROOT / "docs" / "reference" / name).read_text()
    assert found == PAGES[name](), "run: .venv/bin/python -m policloud.cli.reference docs/reference"


def test_every_reason_has_its_sentence() -> None:
    assert list(UNIT_REASONS) == list(Reason)
    assert list(WORKLOAD_REASONS) == list(WorkloadReason)


@pytest.mark.parametrize("page", PROSE, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())
    missing = [t for t in targets if not (page.parent / t).exists()]
    assert not missing


@pytest.mark.parametrize("page", PROSE, ids=lambda p: str(p.relative_to(ROOT)))
def test_commands_exist(page: Path) -> None:
    named = set(re.findall(r"^\s*(?:\$ )?(?:\.venv/bin/|kubectl )?policloud ([a-z]+)", page.read_text(), re.MULTILINE))
    assert named <= set(VERBS)
