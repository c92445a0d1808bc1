"""Scene 5: the hub's processes and API server are killed. Sites go on; nothing is deleted or started twice after."""

from __future__ import annotations

from collections.abc import Mapping

from policloud.api.resources import LEASE, POLICLOUD_UNIT, SOVEREIGN_WORKLOAD, WORK_OFFER
from policloud.cli.fleet import condition, name, namespace_of, placements, spec, status
from policloud.ports import Body
from policloud.testing.demo.scene import Probe, Scene, poll, together
from policloud.testing.demo.stage import Stage, manifests, variant
from policloud.testing.demo.world import OPEN_STATES, Child, ready

TITLE = "The hub is killed, and comes back"
EXPECTATION = (
    "sites keep running everything and still accept local workloads; after the hub is back nothing was deleted and "
    "nothing was started twice"
)
NEWCOMER = "while-the-hub-is-away"
AFTER = "after-the-hub-is-back"
TRANSIENT = {"", "PendingEvaluation", "WaitingForSite", "Draining"}
SETTLE_SECONDS, QUIET_SECONDS = 20.0, 2.0


async def play(scene: Scene, stage: Stage) -> None:
    site = "cannes" if stage.has("cannes") else stage.sites[0]
    await poll(_settled(stage), stage.clock, SETTLE_SECONDS)
    before = await stage.world.all_children(stage.sites)
    offers = await _running(stage)
    await stage.kill("hub", "hub-apiserver")
    newcomer = await _newcomer(stage, site)
    await together(
        *(scene.expect(f"{s} notices that the hub is away", _notices(stage, s), within=40) for s in stage.sites),
        scene.expect(f"{site} accepts a local workload and runs it", _runs(stage, site, newcomer), within=40),
    )
    await scene.expect(f"all {len(before)} objects and pods on the sites are still there", _there(stage, before))
    await stage.start("hub-apiserver")
    renewals = {s: await _renewal(stage, s) for s in stage.sites}
    await stage.start("hub")
    await together(
        *(scene.expect(f"{s} reports to the hub again", _heard(stage, s, renewals[s]), within=45) for s in stage.sites),
    )
    await scene.expect("every offer still runs under the acceptance it had", _same_offers(stage, offers), within=30)
    await scene.expect("the hub places new work again", await _places_again(stage), within=60)
    await scene.stays("nothing was deleted", _there(stage, before), seconds=2)
    await scene.expect("nothing was started twice", _not_twice(stage, before), within=5)
    await _tidy(stage, site, newcomer)


def _settled(stage: Stage) -> Probe:
    """Nothing is on its way any more from the scenes before; else "before" would be a moment of a change."""
    seen: list[tuple[float, frozenset[str]]] = []

    async def probe() -> str | None:
        listed = (await stage.world.hub.list(SOVEREIGN_WORKLOAD)).items
        moving = [name(w) for w in listed if ready(w)[1] in TRANSIENT or _leaving(w)]
        now = stage.clock.monotonic(), frozenset(await stage.world.all_children(stage.sites))
        if moving or not seen or seen[0][1] != now[1]:
            seen[:] = [now]
            return f"on their way: {', '.join(moving)}"
        return None if now[0] - seen[0][0] >= QUIET_SECONDS else "not quiet for long enough"

    return probe


def _leaving(workload: Body) -> bool:
    return any(p.get("state") in ("Draining", "Pending") for p in placements(workload))


async def _newcomer(stage: Stage, site: str) -> Body:
    """A small local service, made while nobody but the site is there."""
    sample = next(
        d
        for d in manifests(stage.samples / "workloads" / "local" / "cannes.yaml")
        if d["metadata"]["name"] == "registry-search"
    )
    body = variant(sample, NEWCOMER, sovereignty={"data": {"classification": "Internal"}})
    body["metadata"] = {**body["metadata"], "namespace": "default"}
    return await stage.world.create(site, body)


async def _places_again(stage: Stage) -> Probe:
    sample = next(
        d for d in manifests(stage.samples / "workloads" / "translator.yaml") if d["kind"] == "SovereignWorkload"
    )
    law = {"location": {"allow": ["FR", "ES", "US", "AE"]}, "data": {"classification": "Public"}}
    await stage.world.create(None, variant(sample, AFTER, sovereignty=law))

    async def probe() -> str | None:
        state, reason = ready(await stage.world.workload(f"{namespace_of(sample)}/{AFTER}"))
        return None if state == "True" else f"Ready={state} {reason}"

    return probe


async def _tidy(stage: Stage, site: str, newcomer: Body) -> None:
    await stage.world.sites[site].delete(SOVEREIGN_WORKLOAD, namespace_of(newcomer), name(newcomer))
    await stage.world.hub.delete(SOVEREIGN_WORKLOAD, "open-models", AFTER)


async def _running(stage: Stage) -> dict[str, str]:
    """Acceptance by UID of every offer that runs."""
    listed = (await stage.world.hub.list(WORK_OFFER)).items
    return {
        o["metadata"]["uid"]: str(status(o)["running"].get("acceptance"))
        for o in listed
        if status(o).get("running") and status(o).get("state") in OPEN_STATES
    }


def _notices(stage: Stage, site: str) -> Probe:
    async def probe() -> str | None:
        units = (await stage.world.sites[site].list(POLICLOUD_UNIT)).items
        seen = {name(u): condition(u, "HubConnected")[0] for u in units}
        return None if units and all(s == "False" for s in seen.values()) else f"HubConnected: {seen}"

    return probe


def _runs(stage: Stage, site: str, workload: Body) -> Probe:
    async def probe() -> str | None:
        namespace, named = namespace_of(workload), name(workload)
        state, reason = ready(await stage.world.local_workload(site, f"{namespace}/{named}"))
        pods = await stage.world.pods(site, named, namespace)
        return None if state == "True" and pods else f"Ready={state} {reason}, {len(pods)} pods"

    return probe


async def _renewal(stage: Stage, site: str) -> str:
    """When the site renewed its Lease last, as it stands on the hub; compared, never read as a time."""
    lease = await stage.world.hub.get(LEASE, f"site-{site}", "policloud-site")
    return str(spec(lease).get("renewTime"))


def _heard(stage: Stage, site: str, before: str) -> Probe:
    """The Lease is renewed anew, and the hub says reachable."""

    async def probe() -> str | None:
        if await _renewal(stage, site) == before:
            return "its Lease is not renewed since"
        state = await stage.world.reachable(site)
        return None if state == "True" else f"Reachable={state}"

    return probe


def _there(stage: Stage, before: Mapping[str, Child]) -> Probe:
    async def probe() -> str | None:
        gone = before.keys() - (await stage.world.all_children(stage.sites)).keys()
        lost = [f"{before[uid].kind} {before[uid].name} at {before[uid].site}" for uid in sorted(gone)[:3]]
        return f"{len(gone)} gone, e.g. {', '.join(lost)}" if gone else None

    return probe


def _not_twice(stage: Stage, before: Mapping[str, Child]) -> Probe:
    """Whatever is new belongs to one of the two workloads that this scene made."""

    async def probe() -> str | None:
        now = await stage.world.all_children(stage.sites)
        fresh = [c for uid, c in now.items() if uid not in before and not c.name.startswith((NEWCOMER, AFTER))]
        seen = [f"{c.kind} {c.name} at {c.site}" for c in fresh[:3]]
        return f"{len(fresh)} new, e.g. {', '.join(seen)}" if fresh else None

    return probe


def _same_offers(stage: Stage, before: Mapping[str, str]) -> Probe:
    async def probe() -> str | None:
        now = await _running(stage)
        changed = [uid for uid, acceptance in before.items() if now.get(uid) != acceptance]
        return f"{len(changed)} of {len(before)} offers changed" if changed else None

    return probe
