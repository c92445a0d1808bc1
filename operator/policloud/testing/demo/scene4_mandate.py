"""Scene 4: an owner withdraws consent for one tenant. Drained, refused with the reason, offered elsewhere."""

from __future__ import annotations

from typing import Any

from policloud.api.resources import SITE_MANDATE
from policloud.cli.fleet import name, spec, status
from policloud.domain.reasons import Reason
from policloud.ports import Body
from policloud.testing.demo.expectations import ON_THE_HUB
from policloud.testing.demo.scene import Probe, Scene, together
from policloud.testing.demo.scene1_law import runs
from policloud.testing.demo.stage import Stage
from policloud.testing.demo.world import places, site_of_unit, verdict_on

TITLE = "An owner withdraws consent"
EXPECTATION = (
    "a tenant struck from a SiteMandate is drained there within the notice, refused with the reason, offered elsewhere"
)
KEY, TENANT = "open-models/assistant-eu", "open-models"
NOTICE_SECONDS = 5
BUSY_ELSEWHERE = {"cloudgrid", "dijon"}  # the stages of the wind and of the cut


async def play(scene: Scene, stage: Stage) -> None:
    workload = await stage.world.workload(KEY)
    held = places(workload)
    unit = min(held, key=lambda u: (site_of_unit(u) in BUSY_ELSEWHERE, u), default=None)
    if unit is None:
        scene.record(f"{KEY} runs somewhere to begin with", "it is placed nowhere")
        return
    site = site_of_unit(unit)
    others = await _others(stage, site)
    before = await stage.world.mandates(site)
    for mandate in before:
        kept = [t for t in spec(mandate).get("tenants") or () if t.get("tenant") != TENANT]
        await stage.world.edit_mandate(site, name(mandate), _narrowed(mandate, kept))
    units = stage.units(ON_THE_HUB[KEY].units) - {unit}
    lawful = ON_THE_HUB[KEY]
    await together(
        scene.expect(
            f"{site} drains {KEY} within {NOTICE_SECONDS} s and releases it", _released(stage, unit), within=40
        ),
        scene.expect(f"{unit} is refused to it: {Reason.REFUSED_BY_MANDATE}", _refused(stage, unit), within=40),
        scene.expect(
            f"{lawful.possible(units)} replicas run elsewhere: {len(units)} units are left, at most 2 on each",
            runs(stage, KEY, lawful, units),
            within=60,
        ),
        scene.expect(f"work of other tenants at {site} goes on", _untouched(stage, site, others), within=20),
        scene.expect("the hub has never seen a mandate", _unseen(stage), within=10),
    )
    for mandate in before:
        original = {"tenants": spec(mandate).get("tenants")}
        await stage.world.edit_mandate(site, name(mandate), original)


def _narrowed(mandate: Body, tenants: list[Any]) -> dict[str, Any]:
    """Without the tenant; a mandate that admitted nobody else keeps its shape by naming one that has no work."""
    left = tenants or [{**(spec(mandate).get("tenants") or [{}])[0], "tenant": "nobody-else"}]
    return {"tenants": left, "withdrawalNoticeSeconds": NOTICE_SECONDS}


async def _others(stage: Stage, site: str) -> set[str]:
    children = await stage.world.children(site)
    mine = await _mine(stage)
    return {uid for uid, c in children.items() if c.kind == "SovereignWorkload" and c.name not in mine}


async def _mine(stage: Stage) -> set[str]:
    """Names of every offer of the tenant: its work at a site carries them."""
    from policloud.api.resources import WORK_OFFER  # noqa: PLC0415 - used here only

    listed = (await stage.world.hub.list(WORK_OFFER)).items
    return {name(o) for o in listed if (spec(o).get("workload") or {}).get("namespace") == TENANT}


def _released(stage: Stage, unit: str) -> Probe:
    async def probe() -> str | None:
        workload = await stage.world.workload(KEY)
        offers = [o for o in await stage.world.offers(workload) if spec(o).get("unit") == unit]
        pods = await stage.world.pods_of(workload, [site_of_unit(unit)])
        states = sorted({str(status(o).get("state")) for o in offers if status(o).get("state") != "Pending"})
        if pods or states != ["Released"]:
            return f"offers there: {', '.join(states) or 'none'}, pods {pods}"
        return None

    return probe


def _refused(stage: Stage, unit: str) -> Probe:
    """The reason stands in the decision, or on the offer that was given back."""

    async def probe() -> str | None:
        workload = await stage.world.workload(KEY)
        row = verdict_on(workload, unit)
        if row.get("reason") == Reason.REFUSED_BY_MANDATE:
            return None
        offers = [o for o in await stage.world.offers(workload) if spec(o).get("unit") == unit]
        said = {str(status(o).get("reason") or (status(o).get("answer") or {}).get("reason")) for o in offers}
        return f"decision says {row.get('verdict')} {row.get('reason')}, offers say {', '.join(sorted(said))}"

    return probe


def _untouched(stage: Stage, site: str, uids: set[str]) -> Probe:
    async def probe() -> str | None:
        gone = uids - set(await stage.world.children(site))
        return f"{len(gone)} of {len(uids)} are gone" if gone else None

    return probe


def _unseen(stage: Stage) -> Probe:
    async def probe() -> str | None:
        found = (await stage.world.hub.list(SITE_MANDATE)).items
        return f"{len(found)} SiteMandates on the hub" if found else None

    return probe
