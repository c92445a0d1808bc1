"""Who is reachable, judged only by what the hub itself has seen, on its own monotonic clock.

Times written by a site (renewTime and the like) are never read as times: a renewal counts from the moment at which
the hub noticed that the Lease had changed. Whatever the hub could not see (it was starting, its API server was
away, its process stood still) is held against nobody: waits start again from the end of that gap.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import Final

_COUNTS: Final = frozenset({"loss_floor", "loss_percent"})


@dataclass(frozen=True, slots=True)
class LivenessSettings:
    """Seconds, unless the name says otherwise; design: docs/explanation/federation-identity.md."""

    renew: float = 15.0  # a site renews its Lease so often
    unreachable: float = 60.0  # no renewal for so long: no new offers
    free_moves: float = 300.0  # … for so long: work with mobility Free may be placed elsewhere
    loss_window: float = 120.0  # so many sites lost within this time: the hub suspects itself
    loss_floor: int = 2  # sites
    loss_percent: int = 20  # of all sites
    startup_hold: float = 60.0  # at start nothing is placed for so long, or until the sites seen last have echoed

    def scaled(self, factor: float) -> LivenessSettings:
        """All times multiplied by `factor`; the demo runs at 0.1. ValueError if it is not positive."""
        if factor <= 0:
            raise ValueError(f"the time scale must be positive, not {factor}")
        times = {f.name: getattr(self, f.name) * factor for f in fields(self) if f.name not in _COUNTS}
        return replace(self, **times)


class Reach(StrEnum):
    """What the hub may assume of a site's link."""

    UNKNOWN = "Unknown"  # not heard since the hub started (or could see again), and the wait is not over
    REACHABLE = "Reachable"
    UNREACHABLE = "Unreachable"


@dataclass(frozen=True, slots=True)
class Heard:
    """One site as the hub has observed it. `last` is None if no renewal was noticed since the hub started."""

    last: float | None = None
    confirmed: float | None = None  # when a fresh read of its Lease last showed no renewal since `last`
    lost_before: bool = False  # its membership already said Reachable=False when the hub started
    seen_before: bool = False  # … or said Reachable=True: the hub waits for its echo at start


@dataclass(frozen=True, slots=True)
class Assessment:
    """All sites at one moment."""

    reach: Mapping[str, Reach]
    moves_allowed: frozenset[str]  # sites whose mobility-Free work may be placed elsewhere
    suspects_itself: bool
    holding: bool  # the start-up hold: nothing is placed

    def reachable(self, site: str) -> bool:
        return self.reach.get(site) is Reach.REACHABLE


def assess(sites: Mapping[str, Heard], *, since: float, now: float, settings: LivenessSettings) -> Assessment:
    """Judge every site that has joined, is accepted and is not paused.

    `since`: when the hub began to see (its start, or the end of its last blind gap); same clock as `now`.
    """
    reach = {name: _reach(heard, since, now, settings) for name, heard in sites.items()}
    suspects = _mass_loss(sites, reach, since, settings)
    holding = _holding(sites, since, now, settings)
    movable = frozenset(
        name
        for name, state in reach.items()
        if state is Reach.UNREACHABLE and _confirmed_quiet(sites[name], since) >= settings.free_moves
    )
    return Assessment(reach, frozenset() if suspects or holding else movable, suspects, holding)


def next_change(sites: Mapping[str, Heard], *, since: float, now: float, settings: LivenessSettings) -> float:
    """Seconds until time alone may change the assessment; at most the start-up hold or `free_moves`."""
    moments = [since + settings.startup_hold]
    for heard in sites.values():
        quiet = _quiet_since(heard, since)
        moments += [quiet + settings.unreachable, quiet + settings.free_moves]
    ahead = [moment - now for moment in moments if moment > now]
    return min(ahead, default=settings.free_moves)


def _quiet_since(heard: Heard, since: float) -> float:
    return since if heard.last is None else max(heard.last, since)


def _confirmed_quiet(heard: Heard, since: float) -> float:
    """For how long the site was certainly silent: a watch that stood still proves nothing, a fresh read does."""
    return 0.0 if heard.confirmed is None else heard.confirmed - _quiet_since(heard, since)


def _reach(heard: Heard, since: float, now: float, settings: LivenessSettings) -> Reach:
    if now - _quiet_since(heard, since) >= settings.unreachable:
        return Reach.UNREACHABLE
    if heard.last is None:
        return Reach.UNREACHABLE if heard.lost_before else Reach.UNKNOWN
    return Reach.REACHABLE


def _mass_loss(
    sites: Mapping[str, Heard], reach: Mapping[str, Reach], since: float, settings: LivenessSettings
) -> bool:
    """More than max(floor, percent) of the sites that are lost now were lost within one window.

    It is a property of the losses, not of the moment: the suspicion lasts until enough of those sites are back,
    else waiting out the window would lead straight to the moves it is there to prevent. A site that was never
    there (just joined, or lost before the hub started) is no loss.
    """
    losses = sorted(
        _quiet_since(heard, since)
        for name, heard in sites.items()
        if reach[name] is Reach.UNREACHABLE and (heard.last is not None or heard.seen_before)
    )
    limit = max(settings.loss_floor, len(sites) * settings.loss_percent // 100)
    return any(later - earlier <= settings.loss_window for earlier, later in zip(losses, losses[limit:], strict=False))


def _holding(sites: Mapping[str, Heard], since: float, now: float, settings: LivenessSettings) -> bool:
    if now - since >= settings.startup_hold:
        return False
    awaited = [heard for heard in sites.values() if heard.seen_before]
    if not awaited:
        return now - since < settings.renew and bool(sites)
    return any(heard.last is None or heard.last < since for heard in awaited)
