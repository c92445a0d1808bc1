"""What all reconcilers of a site share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from policloud.domain.federation.link import LinkReason, LinkState
from policloud.ports import Body, Clock, Cluster, Recorder
from policloud.reconcile.site.book import SourceBook
from policloud.reconcile.site.capacity import CapacityReader
from policloud.reconcile.site.timing import SiteTiming
from policloud.runtime.store import Store

STAND_ALONE = LinkState(reason=LinkReason.STAND_ALONE)


@dataclass(slots=True)
class Site:
    """One site process. `lock` is held from reading capacity to the first write that uses it: decisions are serial.

    `link` tells how the hub is reached; `held` lists, by unit, what it holds for hubs (status.held of the unit).
    """

    name: str
    cluster: Cluster
    store: Store
    clock: Clock
    book: SourceBook
    capacity: CapacityReader
    recorder: Recorder
    timing: SiteTiming = field(default_factory=SiteTiming)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    link: Callable[[], LinkState] = lambda: STAND_ALONE
    held: Callable[[str], Sequence[Body]] = lambda _: ()
