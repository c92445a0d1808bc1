"""Scene 2: a workload is edited. More replicas scale it where it is; another law moves it and frees the old place."""

from __future__ import annotations

from policloud.cli.fleet import spec, status
from policloud.testing.demo.expectations import DIJON, EU, Expectation
from policloud.testing.demo.scene import Probe, Scene
from policloud.testing.demo.scene1_law import runs
from policloud.testing.demo.stage import Stage
from policloud.testing.demo.world import places, running_offers, site_of_unit

TITLE = "An edit scales, then moves"
EXPECTATION = "one workload is edited (replicas, law), it scales, then moves, and the old place is released"
KEY = "open-models/translator"
MORE = 5


async def play(scene: Scene, stage: Stage) -> None:
    before = places(await stage.world.workload(KEY))
    old_units = frozenset(before)
    where = ", ".join(sorted(before))
    await stage.world.edit(KEY, {"inference": {"replicas": MORE}})
    everywhere = stage.units(EU - DIJON) | old_units
    await scene.expect(
        f"replicas 3 → {MORE}: {MORE} pods, {where} kept", _scaled(stage, everywhere, old_units), within=30
    )
    old_units = frozenset(places(await stage.world.workload(KEY)))
    lawful = stage.units(EU - DIJON - old_units)
    law = (
        {"allow": ["EU"]}
        if lawful == stage.units(EU)
        else {"allow": ["EU"], "deny": await _subdivisions(stage, old_units)}
    )
    denied = law.get("deny", [])
    lawful = frozenset([u for u in lawful if await _subdivision(stage, u) not in denied])
    if not lawful:
        scene.not_played("the move by law: no other unit on this stage")
        return
    await stage.world.edit(KEY, {"sovereignty": {"location": law}})
    text = f"location.allow → [EU]{', deny ' + str(law['deny']) if 'deny' in law else ''}"
    await scene.expect(
        f"{text}: {MORE} pods on lawful units", runs(stage, KEY, Expectation(lawful, MORE), lawful), within=45
    )
    await scene.expect(f"{', '.join(sorted(old_units))} released: no pod, no offer", _left(stage, old_units), within=30)


async def _subdivision(stage: Stage, unit: str) -> str:
    body = await stage.world.unit(site_of_unit(unit), unit)
    return str((spec(body).get("location") or {}).get("subdivision"))


async def _subdivisions(stage: Stage, units: frozenset[str]) -> list[str]:
    return sorted({await _subdivision(stage, u) for u in units})


def _scaled(stage: Stage, units: frozenset[str], kept: frozenset[str]) -> Probe:
    inner = runs(stage, KEY, Expectation(units, MORE), units)

    async def probe() -> str | None:
        workload = await stage.world.workload(KEY)
        if lost := kept - set(places(workload)):
            return f"left {', '.join(sorted(lost))}"
        return await inner()

    return probe


def _left(stage: Stage, units: frozenset[str]) -> Probe:
    async def probe() -> str | None:
        workload = await stage.world.workload(KEY)
        offers = await stage.world.offers(workload)
        if still := units & set(running_offers(offers)):
            return f"offers still running on {', '.join(sorted(still))}"
        states = {str(status(o).get("state")) for o in offers if spec(o).get("unit") in units}
        if "Released" not in states:
            return f"offers there are {', '.join(sorted(states)) or 'gone'}, none Released"
        pods = await stage.world.pods_of(workload, sorted({site_of_unit(u) for u in units}))
        return f"pods still there: {pods}" if pods else None

    return probe
