"""Scene 3: the wind falls. Watts drop, the least important goes first, work reappears elsewhere or waits for energy."""

from __future__ import annotations

import contextlib

from policloud.api.resources import SOVEREIGN_WORKLOAD
from policloud.cli.fleet import key, placements
from policloud.ports import Body, NotFoundError
from policloud.testing.demo.expectations import ON_THE_HUB
from policloud.testing.demo.scene import Probe, Scene, together
from policloud.testing.demo.scene1_law import runs
from policloud.testing.demo.stage import Stage, manifests, variant
from policloud.testing.demo.wind import Wind, available_from, gpu_watts, source_watts_for, unit_power
from policloud.testing.demo.world import places, ready, verdict_on

TITLE = "The wind falls"
EXPECTATION = (
    "available watts drop, the site refuses and sheds by priority, the work reappears elsewhere where allowed or waits "
    "with WaitingForEnergy"
)
SITE, UNIT = "cloudgrid", "cloudgrid-1"
LEAST, MOST = "parc-eolien/blade-inspection", "parc-eolien/turbine-forecast"
WIND_ONLY = "open-models/wind-render"
MOVES = "universite-bordeaux/climate-downscaling"
SLACK_WATTS = 300


async def play(scene: Scene, stage: Stage) -> None:
    wind = await _wind(stage)
    if wind is None:
        scene.not_played("everything: no site with a wind trace on this stage")
        return
    try:
        moved = await _lull(scene, stage, wind)
        await _calm(scene, stage, wind, moved)
    finally:
        wind.restore()
    await together(
        scene.expect("the wind is back: wind-render runs there again", _back(stage, WIND_ONLY), within=45),
        scene.expect("and blade-inspection resumes", _local(stage, LEAST, "True"), within=45),
    )


async def _wind(stage: Stage) -> Wind | None:
    if not stage.has(SITE):
        return None
    return await Wind.of(stage.world.sites[SITE], stage.machinery.folder(SITE))


async def _lull(scene: Scene, stage: Stage, wind: Wind) -> list[str]:
    """A little less than is in use: only the least important may stop. Returns the hub's workloads there."""
    unit = await stage.world.unit(SITE, UNIT)
    before = await unit_power(stage, SITE, UNIT)
    granted = await _granted_watts(stage)
    federated = await _hub_work(stage)
    full = sum(places(await stage.world.local_workload(SITE, LEAST)).values())
    target = before["baseWatts"] + granted - SLACK_WATTS
    wind.blow(source_watts_for(unit, target))
    await scene.expect(
        f"available falls from {before['availableWatts']} W to at most {target} W", _available(stage, target), within=20
    )
    await together(
        scene.expect("blade-inspection (priority 50) is cut first", _cut(stage, LEAST, full), within=20),
        scene.expect("what is in use fits what is there", _fits(stage), within=20),
    )
    suspended = [k for k in federated if not await _runs_here(stage, k)]
    scene.record("everything more important runs on there", f"{', '.join(suspended)} do not" if suspended else None)
    return federated


async def _calm(scene: Scene, stage: Stage, wind: Wind, federated: list[str]) -> None:
    """Just enough for the most important, or the little that the grid gives: the rest stops, moves or waits."""
    unit = await stage.world.unit(SITE, UNIT)
    state = await unit_power(stage, SITE, UNIT)
    pods = {p["metadata"]["uid"] for p in await _local_pods(stage, MOST)}
    needed = state["baseWatts"] + len(pods) * gpu_watts(unit) + SLACK_WATTS
    target = max(needed, available_from(unit, wind.import_watts))
    wind.blow(source_watts_for(unit, target))
    await _late_comer(stage)
    movable = [k for k in federated if k != WIND_ONLY]
    if MOVES not in movable:
        scene.record(f"{MOVES} ran at {SITE} before", f"it did not; there ran {', '.join(federated) or 'nothing'}")
    await scene.expect(f"available falls to at most {target} W", _available(stage, target), within=20)
    await together(
        scene.stays(f"turbine-forecast (priority 900) keeps its {len(pods)} pods", _keeps(stage, pods), seconds=5),
        scene.expect("what is in use fits what is there", _fits(stage), within=30),
        scene.expect("wind-render may run on wind alone: WaitingForEnergy", _waits(stage), within=45),
        scene.expect(f"the site refuses new work: {_LATE} waits for energy", _local(stage, _LATE, "False"), within=30),
        *(scene.expect(_moves_text(k), _in_full(stage, k), within=60) for k in movable),
    )
    with contextlib.suppress(NotFoundError):
        namespace, name = _LATE.split("/")
        await stage.world.sites[SITE].delete(SOVEREIGN_WORKLOAD, namespace, name)


_LATE = "parc-eolien/late-comer"


def _moves_text(workload: str) -> str:
    return f"{workload} runs in full elsewhere" if workload == MOVES else f"{workload} runs in full, here or elsewhere"


async def _late_comer(stage: Stage) -> None:
    """Two replicas of a whole node each: more than a site without wind has."""
    file = stage.samples / "workloads" / "local" / f"{SITE}.yaml"
    sample = next(d for d in manifests(file) if d["kind"] == "SovereignWorkload" and key(d) == MOST)
    body: Body = variant(sample, _LATE.split("/")[1], priority=10, gpu={"perReplica": 8, "memoryGiB": 40})
    await stage.world.create(SITE, body)


async def _granted_watts(stage: Stage) -> int:
    """Rated draw of what the site has granted. Its own figure also counts pods that are just ending."""
    listed = (await stage.world.sites[SITE].list(SOVEREIGN_WORKLOAD)).items
    return sum(int(p.get("watts") or 0) for w in listed for p in placements(w) if p.get("unit") == UNIT)


async def _hub_work(stage: Stage) -> list[str]:
    listed = (await stage.world.hub.list(SOVEREIGN_WORKLOAD)).items
    return sorted(key(w) for w in listed if UNIT in places(w))


async def _local_pods(stage: Stage, workload: str) -> list[Body]:
    namespace, name = workload.split("/")
    return await stage.world.pods(SITE, name, namespace)


def _available(stage: Stage, at_most: int) -> Probe:
    async def probe() -> str | None:
        now = (await unit_power(stage, SITE, UNIT))["availableWatts"]
        return None if now <= at_most else f"available is {now} W"

    return probe


def _fits(stage: Stage) -> Probe:
    async def probe() -> str | None:
        now = await unit_power(stage, SITE, UNIT)
        return None if now["usedWatts"] <= now["availableWatts"] else f"{now['usedWatts']} of {now['availableWatts']} W"

    return probe


def _cut(stage: Stage, workload: str, full: int) -> Probe:
    """Fewer replicas than it had, down to none."""

    async def probe() -> str | None:
        body = await stage.world.local_workload(SITE, workload)
        granted = sum(places(body).values())
        return None if granted < full else f"Ready={ready(body)}, {granted} of {full} replicas"

    return probe


async def _runs_here(stage: Stage, workload: str) -> bool:
    """The hub says so of the wind farm: placed there and running, not suspended or on its way out."""
    rows = placements(await stage.world.workload(workload))
    return any(p.get("unit") == UNIT and p.get("state") == "Running" and p.get("replicas") for p in rows)


def _local(stage: Stage, workload: str, wanted: str) -> Probe:
    async def probe() -> str | None:
        state, reason = ready(await stage.world.local_workload(SITE, workload))
        holds = state == wanted and (wanted == "True" or reason == "WaitingForEnergy")
        return None if holds else f"Ready={state} {reason}"

    return probe


def _keeps(stage: Stage, uids: set[str]) -> Probe:
    async def probe() -> str | None:
        now = {p["metadata"]["uid"] for p in await _local_pods(stage, MOST)}
        return None if now == uids and uids else f"{len(now & uids)} of {len(uids)} pods are left"

    return probe


def _waits(stage: Stage) -> Probe:
    """On the hub: waiting, kept for it at the wind farm or refused for want of watts there; at the site: no pod."""

    async def probe() -> str | None:
        workload = await stage.world.workload(WIND_ONLY)
        state, reason = ready(workload)
        pods = await stage.world.pods_of(workload, [SITE])
        if (state, reason) != ("False", "WaitingForEnergy") or pods:
            return f"Ready={state} {reason}, pods {pods}"
        row = verdict_on(workload, UNIT)
        kept = any(p.get("unit") == UNIT and p.get("state") == "Suspended" for p in placements(workload))
        if not kept and row.get("reason") not in ("InsufficientPower", "RefusedBySite"):
            return f"{UNIT} is said to be {row.get('verdict')} {row.get('reason')}"
        return None

    return probe


def _in_full(stage: Stage, workload: str) -> Probe:
    """As many replicas as asked for, on lawful units; what must move, without the wind farm."""
    expected = ON_THE_HUB[workload]
    units = stage.units(expected.units) - ({UNIT} if workload == MOVES else set())
    return runs(stage, workload, expected, units)


def _back(stage: Stage, workload: str) -> Probe:
    return runs(stage, workload, ON_THE_HUB[workload], frozenset({UNIT}))
