"""Where law and owners let each sample run, written down by hand: the demo does not ask the code that it checks."""

from __future__ import annotations

from dataclasses import dataclass

FR = frozenset({"cannes-1", "dijon-1", "rougeline-1", "cloudgrid-1", "sebalyo-1"})
ES = frozenset({"hera-1"})
AE = frozenset({"uae-1"})
US = frozenset({"texas-1", "texas-2"})
EU = FR | ES
DIJON = frozenset({"dijon-1"})  # its owner admits notaries and public services only
ALL = EU | AE | US


@dataclass(frozen=True, slots=True)
class Expectation:
    """`units`: where law and owners let it run. Empty: nowhere, for `reason`."""

    units: frozenset[str]
    replicas: int = 0
    reason: str = ""
    max_per_unit: int | None = None

    def possible(self, units: frozenset[str]) -> int:
        """Replicas that these units may take: on a small stage the spread allows fewer than asked for."""
        return self.replicas if self.max_per_unit is None else min(self.replicas, self.max_per_unit * len(units))


ON_THE_HUB: dict[str, Expectation] = {
    "sante-06/triage-assistant": Expectation(frozenset({"cannes-1"}), 4),
    "universite-bordeaux/climate-downscaling": Expectation(EU - DIJON, 8),
    "open-models/token-sweep": Expectation(US | ES | AE, 3),  # where GPUs have 80 GiB
    "open-models/assistant-eu": Expectation(EU - DIJON, 6, max_per_unit=2),
    "open-models/wind-render": Expectation(frozenset({"cloudgrid-1"}), 4),
    "open-models/translator": Expectation(ALL - DIJON, 3),
    "port-logistics/harbour-vision": Expectation(AE, 3),
    "notaires-21/deed-search": Expectation(DIJON, 2),
    "notaires-21/deed-ocr": Expectation(frozenset({"dijon-1", "cannes-1", "hera-1"}), 2),
    "prefecture/classified-archive": Expectation(frozenset(), reason="NoUnitAllowed"),
    "open-models/frontier-pretraining": Expectation(frozenset(), reason="NeverFits"),
}

# site -> workloads of its own; a reason where it cannot run
AT_SITES: dict[str, dict[str, Expectation]] = {
    "cannes": {
        "ville-cannes/registry-search": Expectation(frozenset({"cannes-1"}), 2),
        "ville-cannes/registry-office": Expectation(frozenset(), reason="KindNotServed"),
    },
    "cloudgrid": {
        "parc-eolien/turbine-forecast": Expectation(frozenset({"cloudgrid-1"}), 2),
        "parc-eolien/blade-inspection": Expectation(frozenset({"cloudgrid-1"}), 3),
    },
}
