"""Groups of countries a rule may name, with the days on which members joined and left.

Sources: accession treaties of the European Union (https://european-union.europa.eu/principles-countries-history/
eu-countries_en) and parties to the EEA Agreement (https://www.efta.int/eea). Codes are ISO 3166-1 alpha-2. Only
full membership counts: candidate countries, customs unions and transition periods do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Final


@dataclass(frozen=True, slots=True)
class Member:
    """A country in a group from its first to its last day; `last` None: still in."""

    country: str
    first: date
    last: date | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """A dated list of members. `version` changes with every edit of the list."""

    name: str
    version: str
    members: tuple[Member, ...]

    def on(self, day: date) -> frozenset[str]:
        """The countries that are members on that day."""
        return frozenset(m.country for m in self.members if m.first <= day and (m.last is None or day <= m.last))

    def changes(self) -> frozenset[date]:
        """Every first day of a different membership."""
        joined = {m.first for m in self.members}
        left = {date.fromordinal(m.last.toordinal() + 1) for m in self.members if m.last is not None}
        return frozenset(joined | left)


_UK_LAST_DAY: Final = date(2020, 1, 31)  # Withdrawal Agreement, Article 185: in force on 1 February 2020


def _joined(day: str, codes: str) -> tuple[Member, ...]:
    first = date.fromisoformat(day)
    return tuple(Member(code, first, _UK_LAST_DAY if code == "GB" else None) for code in codes.split())


_EU_ACCESSIONS: Final = (
    *_joined("1958-01-01", "BE DE FR IT LU NL"),
    *_joined("1973-01-01", "DK GB IE"),
    *_joined("1981-01-01", "GR"),
    *_joined("1986-01-01", "ES PT"),
    *_joined("1995-01-01", "AT FI SE"),
    *_joined("2004-05-01", "CY CZ EE HU LT LV MT PL SI SK"),
    *_joined("2007-01-01", "BG RO"),
    *_joined("2013-07-01", "HR"),
)
_EEA_ACCESSIONS: Final = (
    *_joined("1994-01-01", "AT BE DE DK ES FI FR GB GR IE IS IT LU NL NO PT SE"),
    *_joined("1995-05-01", "LI"),
    *_joined("2004-05-01", "CY CZ EE HU LT LV MT PL SI SK"),
    *_joined("2007-08-01", "BG RO"),  # provisionally applied from that day
    *_joined("2014-04-12", "HR"),  # provisionally applied from that day
)

GROUPS: Final = {
    "EU": Group("EU", "2020-02-01", _EU_ACCESSIONS),
    "EEA": Group("EEA", "2020-02-01", _EEA_ACCESSIONS),
}


def is_subdivision(code: str) -> bool:
    """Whether the code is of the form of ISO 3166-2, such as FR-47."""
    return "-" in code


@lru_cache(maxsize=4096)
def expand(codes: frozenset[str], day: date) -> frozenset[str]:
    """Countries and subdivisions meant by `codes` on that day; names of groups become their members."""
    places: set[str] = set()
    for code in codes:
        group = GROUPS.get(code)
        if group is None:
            places.add(code)
        else:
            places |= group.on(day)
    return frozenset(places)


@lru_cache(maxsize=4096)
def membership_changes(codes: frozenset[str]) -> frozenset[date]:
    """Days on which the meaning of `codes` changes."""
    days: set[date] = set()
    for code in codes:
        if code in GROUPS:
            days |= GROUPS[code].changes()
    return frozenset(days)
