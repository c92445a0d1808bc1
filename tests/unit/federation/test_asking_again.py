"""A unit whose site let an offer pass is asked again when the hub said it would be, not at some later sweep."""

from __future__ import annotations

from federated_world import World
from policloud.runtime.outcome import Done, RequeueAfter


async def test_the_hub_looks_again_when_the_silence_it_told_of_is_over() -> None:
    world = World()
    await world.set_up()
    await world.submit(2, location={"allow": ["FR"]})
    times = world.hub.hub.times
    outcomes = await _turn(world)
    waited = 0.0
    while not any(o["spec"].get("withdrawn") for o in await world.offers()):
        assert waited < 10 * times.answer_within.total_seconds(), "the offer that nobody answers is never withdrawn"
        outcomes, waited = await _turn(world, 10.0), waited + 10.0
    assert (await world.ready())[1] == "Refused"
    (outcome,) = [o for o in outcomes if not isinstance(o, Done)]
    assert isinstance(outcome, RequeueAfter)
    assert outcome.seconds <= times.ask_again.total_seconds()


async def _turn(world: World, seconds: float = 0.0) -> list[object]:
    """The hub alone at work; the sites are heard and say nothing to offers."""
    await world.clock.advance(seconds)
    world.hub.hear(*world.sites)
    return [*await world.hub.step()]
