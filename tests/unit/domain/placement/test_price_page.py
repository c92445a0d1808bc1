"""The constants that the explanation tells are those that placement uses."""

from __future__ import annotations

from pathlib import Path

from policloud.domain.placement import price

PAGE = Path(__file__).parents[4] / "docs" / "explanation" / "placement.md"


def test_the_page_tells_the_constants() -> None:
    rows = dict(line.strip("| \n").split(" | ", 1) for line in PAGE.read_text().splitlines() if line.startswith("| "))
    assert f"× {price.CARBON_EUR_PER_KG:.2f} EUR/kg" in rows["carbon"]
    assert f"× {price.LATENCY_EUR_PER_MS} EUR" in rows["latency"]
    assert f"× {price.TRANSFER_EUR_PER_GIB} EUR" in rows["data"]
    assert f"{price.CHURN_EUR} EUR" in rows["churn"]
    assert price.SAME_SITE_TRANSFER == 0.1
    assert "month" in rows["data"]
    assert price.OPEN_ENDED_HOURS == 720
