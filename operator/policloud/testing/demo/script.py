"""Which scenes play when, and what happens when one cannot be played to its end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import ModuleType

from policloud.ports import ApiError, Clock
from policloud.testing.demo import scene1_law, scene2_edit, scene3_wind, scene4_mandate, scene5_hub, scene6_cut
from policloud.testing.demo.scene import Check, Scene
from policloud.testing.demo.stage import Stage

SCENES: tuple[ModuleType, ...] = (scene1_law, scene2_edit, scene3_wind, scene4_mandate, scene5_hub, scene6_cut)
# Scenes of one act play at the same time, each on sites of its own: 6 cuts off Dijon, whose owner admits none of the
# work that 2, 3 and 4 move about. Scenes of one track follow each other.
ACTS: tuple[tuple[tuple[int, ...], ...], ...] = (((1,),), ((2, 3, 4), (6,)), ((5,),))
MOST_SECONDS = 180.0


@dataclass(frozen=True, slots=True)
class Listener:
    """Hears of everything as it happens; see `show`."""

    begins: Callable[[Scene], None]
    checked: Callable[[Scene, Check], None]
    ended: Callable[[Scene], Awaitable[None]]


def scenes(clock: Clock, listener: Listener) -> list[Scene]:
    return [
        Scene(number, module.TITLE, module.EXPECTATION, clock, listener.checked)
        for number, module in enumerate(SCENES, start=1)
    ]


async def perform(stage: Stage, played: list[Scene], listener: Listener) -> None:
    """Act by act; a broken scene fails and the next is played all the same."""
    for act in ACTS:
        async with asyncio.TaskGroup() as tracks:
            for track in act:
                tracks.create_task(_track(stage, [s for s in played if s.number in track], listener))


async def _track(stage: Stage, played: list[Scene], listener: Listener) -> None:
    for scene in played:
        await _play(stage, scene, listener)


async def _play(stage: Stage, scene: Scene, listener: Listener) -> None:
    begun = stage.clock.monotonic()
    listener.begins(scene)
    try:
        async with asyncio.timeout(MOST_SECONDS):
            await SCENES[scene.number - 1].play(scene, stage)
    except (ApiError, TimeoutError, LookupError, ValueError, OSError, RuntimeError) as error:
        scene.record("the scene is played to its end", f"{type(error).__name__}: {error}")
    scene.seconds = stage.clock.monotonic() - begun
    await listener.ended(scene)


def all_hold(played: list[Scene]) -> bool:
    """Every check of every scene; a scene of which nothing could be played on this stage does not count."""
    counted = [s for s in played if s.checks or not s.notes]
    return bool(counted) and all(s.ok for s in counted)
