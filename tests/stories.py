"""What happens to a workload in one schedule of the hunt: submitted, scaled, moved by law, deleted."""

from __future__ import annotations

from lanes import Lane


async def life_and_death(lane: Lane, name: str, *, scaled: int = 5) -> None:
    """Each edit may come while the one before is on its way; at the end all is as the last one says."""
    await lane.submit(name, 3)
    await lane.until("something was offered", lambda: _offered(lane, name))
    await lane.edit(name, {"inference": {"replicas": scaled}})
    await lane.until("it runs scaled", lambda: lane.running(name, scaled))
    here = next(o["spec"]["unit"] for o in lane.offers(name) if (o.get("status") or {}).get("running"))
    other = "ES" if here.startswith("alpha") else "FR"
    await lane.edit(name, {"sovereignty": {"location": {"allow": [other]}}})
    await lane.until("it runs elsewhere", lambda: _elsewhere(lane, name, here, scaled))
    await lane.edit(name, {"inference": {"replicas": 2}})
    await lane.until("it runs with fewer", lambda: lane.running(name, 2))
    await lane.delete(name)
    await lane.until("it is gone", lambda: lane.gone(name))


async def _offered(lane: Lane, name: str) -> bool:
    return bool(lane.offers(name))


async def _elsewhere(lane: Lane, name: str, here: str, replicas: int) -> bool:
    places = (await lane.status(name)).get("placements") or ()
    return bool(places) and all(p["unit"] != here for p in places) and await lane.running(name, replicas)
