"""Scene 1: every sample runs where its law allows, and what can run nowhere says why, unit by unit."""

from __future__ import annotations

from policloud.cli.fleet import condition, spec, status
from policloud.domain.reasons import Verdict
from policloud.testing.demo.expectations import AT_SITES, ON_THE_HUB, Expectation
from policloud.testing.demo.scene import Probe, Scene, together
from policloud.testing.demo.stage import Stage
from policloud.testing.demo.world import places, ready, running_offers, site_of_unit

TITLE = "The law decides where it runs"
EXPECTATION = (
    "every sample workload runs where its law allows, one labelled local at its own site, and those that can run "
    "nowhere say why, unit by unit"
)


async def play(scene: Scene, stage: Stage) -> None:
    await stage.apply("hub", stage.samples / "workloads" / "namespaces.yaml")
    await stage.apply("hub", stage.samples / "workloads")
    local = [s for s in AT_SITES if stage.has(s)]
    for site in local:
        await stage.apply(site, stage.samples / "workloads" / "local" / f"{site}.yaml")
    for site in AT_SITES.keys() - set(local):
        scene.not_played(f"the local workloads of {site}, which is not on this stage")
    await together(
        *(_on_hub(scene, stage, key, expected) for key, expected in ON_THE_HUB.items()),
        *(_at_site(scene, stage, site, key, e) for site in local for key, e in AT_SITES[site].items()),
    )


async def _on_hub(scene: Scene, stage: Stage, key: str, expected: Expectation) -> bool:
    units = stage.units(expected.units)
    if not expected.units or not units:
        reason = expected.reason or "NoUnitAllowed"
        return await scene.expect(
            f"{key} runs nowhere: {reason}, with the reason of every unit", nowhere(stage, key, reason), within=45
        )
    where = ", ".join(sorted(units)) if len(units) <= 2 else f"lawful units (of {len(units)})"  # noqa: PLR2004
    at_most = f", at most {expected.max_per_unit} on each" if expected.max_per_unit else ""
    return await scene.expect(
        f"{key} runs {expected.possible(units)} replicas on {where}{at_most}: pods there, none elsewhere",
        runs(stage, key, expected, units),
        within=60,
    )


def runs(stage: Stage, key: str, expected: Expectation, units: frozenset[str]) -> Probe:
    """Placed on lawful units only, pods counted at the sites themselves, Ready on the hub."""

    async def probe() -> str | None:
        workload = await stage.world.workload(key)
        placed = places(workload)
        if unlawful := set(placed) - units:
            return f"placed on {', '.join(sorted(unlawful))}"
        if expected.max_per_unit and max(placed.values(), default=0) > expected.max_per_unit:
            return f"spread is not kept: {placed}"
        pods = await stage.world.pods_of(workload, stage.sites)
        if set(pods) - {site_of_unit(u) for u in units}:
            return f"pods on unlawful sites: {pods}"
        state, reason = ready(workload)
        wanted = expected.possible(units)
        complete = state == "True" or wanted < expected.replicas
        # Pods of a Job come and go: of a batch its grant counts, and that none is where it may not be.
        counted = placed if spec(workload).get("class") == "Batch" else pods
        if complete and sum(counted.values()) == sum(placed.values()) == wanted:
            return None
        return f"Ready={state} {reason}, placed {placed}, pods {pods}: {condition(workload, 'Ready')[2]}"

    return probe


def nowhere(stage: Stage, key: str, reason: str) -> Probe:
    """Not ready for that reason, nothing offered, and a verdict with a reason for each unit of the fleet."""

    async def probe() -> str | None:
        workload = await stage.world.workload(key)
        state, found = ready(workload)
        if state != "False" or found != reason:
            return f"Ready={state} {found}, expected False {reason}"
        if held := running_offers(await stage.world.offers(workload)):
            return f"yet it runs on {', '.join(held)}"
        decision = status(workload).get("decision") or {}
        rows = decision.get("units") or []
        silent = [r.get("unit") for r in rows if r.get("verdict") == Verdict.FITS or not r.get("reason")]
        if silent:
            return f"no reason for {silent}"
        if decision.get("fits") != 0 or decision.get("of") != len(rows) or not rows:
            return f"{len(rows)} verdicts for {decision.get('of')} units, {decision.get('fits')} fit"
        return None

    return probe


async def _at_site(scene: Scene, stage: Stage, site: str, key: str, expected: Expectation) -> bool:
    if expected.reason:
        text = f"{key} at {site} says {expected.reason}"
    else:
        text = f"{key}, local to {site}, runs {expected.replicas} replicas there; the hub has none of it"
    return await scene.expect(text, at_site(stage, site, key, expected), within=45)


def at_site(stage: Stage, site: str, key: str, expected: Expectation) -> Probe:
    async def probe() -> str | None:
        namespace, name = key.split("/")
        workload = await stage.world.local_workload(site, key)
        state, reason = ready(workload)
        if expected.reason:
            return None if (state, reason) == ("False", expected.reason) else f"Ready={state} {reason}"
        pods = await stage.world.pods(site, name, namespace)
        if await stage.world.on_hub(key):
            return "it is on the hub too"
        batch = spec(workload).get("class") == "Batch"
        count = sum(places(workload).values()) if batch else len(pods)
        if state == "True" and count == expected.replicas:
            return None
        return f"Ready={state} {reason}, {len(pods)} pods: {condition(workload, 'Ready')[2]}"

    return probe
