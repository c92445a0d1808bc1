"""What a changed mandate means for work that was let in under it: stay, or leave by the mandate's notice."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from policloud.domain.federation.mandate import Mandate, Request, SiteUse, admit_quantity, consent
from policloud.domain.federation.offers import Grant


@dataclass(frozen=True, slots=True)
class Guest:
    """Work that runs for a hub. `rank`: lower goes first (priority, then the younger)."""

    id: str
    request: Request
    grant: Grant
    mandate: str  # that admitted it
    rank: tuple[int, float]


@dataclass(frozen=True, slots=True)
class Notice:
    """Leave within `seconds`, because of `message`."""

    id: str
    notice: timedelta
    message: str


def narrowed(mandates: Iterable[Mandate], guests: Iterable[Guest], *, total_gpus: int) -> list[Notice]:
    """Who has to go. Hours and batteries stop new work only; a mandate that was deleted drains nothing.

    A guest stays if any mandate consents to it and has room for it, the most important first. One whose own
    mandate is still there, and consents no longer or has become too small, leaves by that mandate's notice.
    """
    known = {m.name: m for m in mandates}
    used: dict[tuple[str, str], Grant] = {}
    leaving: list[Notice] = []
    for guest in sorted(guests, key=lambda g: (g.rank, g.id), reverse=True):
        message = _no_place(known.values(), guest, SiteUse(total_gpus, used))
        mine = known.get(guest.mandate)
        if message is None or mine is None:
            _add(used, guest)
        else:
            leaving.append(Notice(guest.id, mine.notice, message))
    return leaving


def _no_place(mandates: Iterable[Mandate], guest: Guest, use: SiteUse) -> str | None:
    """Why no mandate has the guest any more; None if one does."""
    why = "this site has no mandate for work of a federation"
    for mandate in sorted(mandates, key=lambda m: (m.name != guest.mandate, m.name), reverse=True):
        agreed = consent(mandate, guest.request)
        if agreed.replicas == 0:
            why = agreed.message
            continue
        room, message = admit_quantity(mandate, guest.request, use)
        if room >= guest.request.replicas:
            return None
        why = message
    return why


def _add(used: dict[tuple[str, str], Grant], guest: Guest) -> None:
    who = (guest.request.hub, guest.request.tenant)
    known = used.get(who, Grant())
    grant = guest.grant
    used[who] = Grant(known.replicas + grant.replicas, known.gpus + grant.gpus, known.watts + grant.watts)


def by_mandate(guests: Iterable[Guest]) -> Mapping[str, Grant]:
    """What runs under each mandate, for its status."""
    found: dict[str, Grant] = {}
    for guest in guests:
        known = found.get(guest.mandate, Grant())
        found[guest.mandate] = Grant(known.replicas + 1, known.gpus + guest.grant.gpus, known.watts + guest.grant.watts)
    return found
