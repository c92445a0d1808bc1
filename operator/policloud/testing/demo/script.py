"""The order of the scenes, and what happens when one cannot be played to its end."""

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
    """One scene after the other; a broken one fails and the next is played all the same."""
    for scene, module in zip(played, SCENES, strict=True):
        begun = stage.clock.monotonic()
        listener.begins(scene)
        try:
            async with asyncio.timeout(MOST_SECONDS):
                await module.play(scene, stage)
        except (ApiError, TimeoutError, LookupError, ValueError, OSError, RuntimeError) as error:
            scene.record("the scene is played to its end", f"{type(error).__name__}: {error}")
        scene.seconds = stage.clock.monotonic() - begun
        await listener.ended(scene)


def all_hold(played: list[Scene]) -> bool:
    """Every check of every scene; a scene of which nothing could be played on this stage does not count."""
    counted = [s for s in played if s.checks or not s.notes]
    return bool(counted) and all(s.ok for s in counted)
