"""What the audience sees: live tables and checks on a terminal, plain lines and snapshots elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.rule import Rule
from rich.text import Text

from policloud.cli.fleet import Fleet, gather, unit_rows, workload_rows
from policloud.cli.render.tables import BAD, FAINT, GOOD, WAITING
from policloud.cli.top import units_table, workloads_table
from policloud.ports import ApiError, Clock, Cluster
from policloud.testing.demo.scene import Check, Scene
from policloud.testing.demo.script import Listener

REFRESH_SECONDS = 1.0
NOTICE = "Liveness runs at a tenth of its defaults: a site is unreachable after 6 s, Free work moves after 30 s."


class Show:
    """Draws; decides nothing. The fleet is the last one that the hub would tell (it is away in scene 5)."""

    def __init__(self, console: Console, hub: Cluster, clock: Clock) -> None:
        self._console = console
        self._hub = hub
        self._clock = clock
        self._fleet = Fleet()
        self._played: Sequence[Scene] = ()
        self._current: list[Scene] = []
        self._stale = False
        self._live: Live | None = None

    def listener(self) -> Listener:
        return Listener(self._begins, self._checked, self._ended)

    @contextlib.asynccontextmanager
    async def running(self, played: Sequence[Scene]) -> AsyncIterator[None]:
        """While the block runs the tables follow the hub."""
        self._played = played
        self._console.print(Text(NOTICE, style=FAINT))
        if not self._console.is_terminal:
            yield
            return
        with Live(console=self._console, auto_refresh=False, transient=True) as live:
            self._live = live
            following = asyncio.create_task(self._follow())
            try:
                yield
            finally:
                following.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await following
                self._live = None
        self.snapshot()

    async def refresh(self) -> None:
        try:
            async with asyncio.timeout(REFRESH_SECONDS * 5):
                self._fleet = await gather(self._hub)
            self._stale = False
        except (ApiError, TimeoutError):
            self._stale = True

    def snapshot(self) -> None:
        """The tables as they are now."""
        now = self._clock.now()
        self._console.print(Group("", units_table(unit_rows(self._fleet), now)))
        self._console.print(Group("", workloads_table(workload_rows(self._fleet.workloads), now), ""))

    async def _follow(self) -> None:
        while True:
            await self.refresh()
            self._draw()
            await self._clock.sleep(REFRESH_SECONDS)

    def _draw(self) -> None:
        if self._live is None:
            return
        now = self._clock.now()
        heading = "hub (does not answer; this is what it last said)" if self._stale else "hub"
        parts: list[RenderableType] = [
            Rule(heading, style=WAITING if self._stale else FAINT, align="left"),
            units_table(unit_rows(self._fleet), now),
            "",
            workloads_table(workload_rows(self._fleet.workloads), now),
        ]
        parts += ["", *(scene_line(s, running=True) for s in self._current)]
        self._live.update(Group(*parts), refresh=True)

    def _begins(self, scene: Scene) -> None:
        self._current.append(scene)
        self._console.print(Text(f"\n{scene.number}. {scene.title}", style="bold"))
        self._console.print(Text(f"   expected: {scene.expectation}", style=FAINT))
        self._draw()

    def _checked(self, scene: Scene, check: Check) -> None:
        self._console.print(check_line(scene, check))

    async def _ended(self, scene: Scene) -> None:
        self._current.remove(scene)
        for note in scene.notes:
            self._console.print(Text(f"   - not played here: {note}", style=WAITING))
        self._console.print(scene_line(scene))
        if not self._console.is_terminal and scene.number == 1:
            await self.refresh()
            self.snapshot()


def check_line(scene: Scene, check: Check) -> Text:
    mark = ("✓", GOOD) if check.ok else ("✗", BAD)
    line = Text.assemble((f"{scene.number}  ", FAINT), mark, f" {check.text}", (f"  {check.seconds:.1f} s", FAINT))
    if check.found:
        line.append(f"\n       found: {check.found}", style=BAD)
    return line


def scene_line(scene: Scene, *, running: bool = False) -> Text:
    """One line for a scene: mark, title, time."""
    if running:
        return Text.assemble(("▶ ", WAITING), f"scene {scene.number}: {scene.title} …")
    if not scene.checks and scene.notes:
        return Text.assemble(("- ", WAITING), f"scene {scene.number}: {scene.title}, not played on this stage")
    mark = ("✓ ", GOOD) if scene.ok else ("✗ ", BAD)
    held = sum(c.ok for c in scene.checks)
    return Text.assemble(mark, f"scene {scene.number}: {held} of {len(scene.checks)} hold, {scene.seconds:.1f} s")


def closing(played: Sequence[Scene]) -> Group:
    """All scenes at a glance."""
    return Group("", *(Text.assemble(scene_line(s), (f"  {s.title}", FAINT)) for s in played))
