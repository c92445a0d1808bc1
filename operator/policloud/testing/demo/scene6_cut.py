"""Scene 6: one site is cut off, then returns. Nothing Pinned moved; what is Free did, and its old copy is released."""

from __future__ import annotations

from policloud.api.resources import SOVEREIGN_WORKLOAD
from policloud.cli.fleet import key, name, spec, status
from policloud.ports import Body
from policloud.testing.demo.expectations import ON_THE_HUB, Expectation
from policloud.testing.demo.scene import Probe, Scene, together
from policloud.testing.demo.scene1_law import runs
from policloud.testing.demo.stage import Stage
from policloud.testing.demo.world import places, running_offers

TITLE = "A site is cut off, and returns"
EXPECTATION = (
    "nothing Pinned moved, a Free workload did move, the cut-off site ran on, and after its return the superseded copy "
    "is released"
)
SITE, UNIT = "dijon", "dijon-1"
PINNED = "notaires-21/deed-search"


async def play(scene: Scene, stage: Stage) -> None:
    if not stage.has(SITE):
        scene.not_played(f"everything: {SITE} is not on this stage")
        return
    free = await _free_here(stage)
    if not free:
        scene.record(f"a Free workload runs at {SITE} to begin with", "none does")
        return
    pinned_pods = await _pods(stage, PINNED)
    old = {k: running_offers(await stage.world.offers(await stage.world.workload(k)))[UNIT] for k in free}
    copies = {k: await _pods(stage, k) for k in free}
    held = {k: sum(places(await stage.world.workload(k)).values()) for k in free}
    await stage.kill(f"link:{SITE}")
    try:
        await scene.expect(f"the hub no longer hears {SITE}", _reachable(stage, "False"), within=30)
        await together(
            *(scene.expect(f"{k} (Free) runs elsewhere", _moved(stage, k, held[k]), within=75) for k in free),
        )
        await together(
            scene.expect(f"{PINNED} (Pinned) was not moved", _not_moved(stage), within=5),
            scene.expect("at the cut-off site everything runs on", _run_on(stage, copies, pinned_pods), within=5),
            scene.expect("release of the old copies is written, not carried out", _asked(stage, old), within=10),
        )
    finally:
        await stage.start(f"link:{SITE}")
    await scene.expect(f"the hub hears {SITE} again", _reachable(stage, "True"), within=45)
    await together(
        *(scene.expect(f"the superseded copy of {k} is released", _gone(stage, k, old[k]), within=45) for k in free),
        scene.expect(f"{PINNED} kept its pods throughout", _kept(stage, pinned_pods), within=10),
    )


async def _free_here(stage: Stage) -> list[str]:
    listed = (await stage.world.hub.list(SOVEREIGN_WORKLOAD)).items
    free = [w for w in listed if (spec(w).get("placement") or {}).get("mobility") == "Free" and UNIT in places(w)]
    return sorted([key(w) for w in free if running_offers(await stage.world.offers(w)).get(UNIT)])


async def _pods(stage: Stage, workload: str) -> set[str]:
    """UIDs of the pods of a hub's workload at the site itself."""
    found: set[str] = set()
    for offer in await stage.world.offers(await stage.world.workload(workload)):
        found |= {p["metadata"]["uid"] for p in await stage.world.pods(SITE, name(offer))}
    return found


def _reachable(stage: Stage, wanted: str) -> Probe:
    async def probe() -> str | None:
        state = await stage.world.reachable(SITE)
        return None if state == wanted else f"Reachable={state}"

    return probe


def _moved(stage: Stage, workload: str, replicas: int) -> Probe:
    """Complete without the cut-off unit, by pods counted at the other sites."""
    expected = ON_THE_HUB[workload]
    units = stage.units(expected.units) - {UNIT}

    async def probe() -> str | None:
        body = await stage.world.workload(workload)
        others = [s for s in stage.sites if s != SITE]
        pods = sum((await stage.world.pods_of(body, others)).values())
        placed = {u: n for u, n in places(body).items() if u != UNIT}
        if set(placed) - units:
            return f"placed on {placed}"
        return None if pods >= replicas else f"{pods} of {replicas} pods elsewhere, placed {places(body)}"

    return probe


def _not_moved(stage: Stage) -> Probe:
    async def probe() -> str | None:
        body = await stage.world.workload(PINNED)
        units = {str(spec(o).get("unit")) for o in await stage.world.offers(body)}
        if set(places(body)) != {UNIT} or units != {UNIT}:
            return f"placed on {places(body)}, offers to {', '.join(sorted(units))}"
        return None

    return probe


def _run_on(stage: Stage, copies: dict[str, set[str]], pinned: set[str]) -> Probe:
    """Asked at the site's own API server: the cut is between it and the hub. Pods of Jobs come and go."""

    async def probe() -> str | None:
        if lost := pinned - await _pods(stage, PINNED):
            return f"{len(lost)} pods of {PINNED} are gone"
        idle = [k for k in copies if not await _pods(stage, k)]
        return f"{', '.join(idle)} stopped" if idle else None

    return probe


def _asked(stage: Stage, old: dict[str, Body]) -> Probe:
    async def probe() -> str | None:
        for workload, offer in old.items():
            offers = await stage.world.offers(await stage.world.workload(workload))
            now = next((o for o in offers if name(o) == name(offer)), None)
            if now is None:
                return f"the offer of {workload} is gone"
            if not (spec(now).get("release") or {}).get("requested"):
                return f"release of {workload} is not requested"
            if status(now).get("state") == "Released":
                return f"{workload} is Released although nobody could say so"
        return None

    return probe


def _gone(stage: Stage, workload: str, offer: Body) -> Probe:
    async def probe() -> str | None:
        offers = await stage.world.offers(await stage.world.workload(workload))
        now = next((o for o in offers if name(o) == name(offer)), None)
        state = status(now).get("state") if now else "gone"
        pods = await stage.world.pods(SITE, name(offer))
        return None if state == "Released" and not pods else f"offer {state}, {len(pods)} pods"

    return probe


def _kept(stage: Stage, pinned: set[str]) -> Probe:
    expected = runs(stage, PINNED, Expectation(frozenset({UNIT}), ON_THE_HUB[PINNED].replicas), frozenset({UNIT}))

    async def probe() -> str | None:
        now = await _pods(stage, PINNED)
        return await expected() if now == pinned else f"{len(now & pinned)} of {len(pinned)} pods are left"

    return probe
