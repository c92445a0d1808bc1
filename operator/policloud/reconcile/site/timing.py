"""Times of the site, in seconds; `scaled` shrinks all of them alike for demonstrations and tests."""

from __future__ import annotations

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True)
class SiteTiming:
    hold: float = 30.0  # after a shortage a raise needs spare power for so long
    usage: float = 900.0  # usage is written at most so often
    reevaluate: float = 86_400.0  # the law, without any change
    drain_notice: float = 300.0  # before unlawful work is stopped, unless the workload states its own notice
    recheck: float = 60.0  # things nobody tells us about: a kind that gets installed, a refusal that is mended
    power_write: float = 60.0  # small changes of power are written at most so often

    def scaled(self, factor: float) -> SiteTiming:
        return SiteTiming(**{f.name: getattr(self, f.name) * factor for f in fields(self)})
