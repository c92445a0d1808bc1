"""Each step of joining, with a clock and an API server that a test controls."""

import base64
from datetime import timedelta
from typing import Any

import pytest

from policloud.adapters.assertions import sign_join
from policloud.api.resources import SECRET, SITE_MEMBERSHIP, Resource
from policloud.domain.federation.keys import SigningKey
from policloud.hub.identity.join import Joining
from policloud.hub.identity.requests import JoinRequest, RefusalError
from policloud.ports import Body, ConflictError, NotFoundError
from policloud.reconcile.hub.codes import CODE_SECRET, code_secret
from policloud.testing.clock import VirtualClock
from policloud.testing.fake import FakeCluster

KEY, OTHER = SigningKey(b"1" * 32), SigningKey(b"2" * 32)
CODE, HUB, URL = "abcdefgh" * 4, "policloud-test", "https://hub.example.org"


class Bench(FakeCluster):
    """`conflicts`: so many replaces are told that somebody was faster."""

    conflicts = 0

    def __init__(self) -> None:
        self.clock = VirtualClock()
        super().__init__(self.clock)
        self.joining = Joining(self, self.clock, hub_id=HUB, url=URL)

    async def replace(self, resource: Resource, body: Body, **given: Any) -> Body:
        if self.conflicts:
            self.conflicts -= 1
            raise ConflictError("somebody was faster")
        return await super().replace(resource, body, **given)

    async def prepare(self, **spec: Any) -> None:
        body = {
            "apiVersion": "policloud.io/v1alpha1",
            "kind": "SiteMembership",
            "metadata": {"name": "a", "namespace": "site-a"},
            "spec": {"accepted": True, **spec},
        }
        await self.create(SITE_MEMBERSHIP, body)
        await self.create(SECRET, code_secret("a", CODE, self.clock.now() + timedelta(hours=1)))

    async def join(self, key: SigningKey = KEY, code: str = CODE, name: str = "a") -> str:
        """The error of the refusal, empty if it joined."""
        proof = sign_join(key, hub_id=HUB, url=URL, membership=name, code=code)
        try:
            await self.joining.join(JoinRequest(name, code, key.public, proof))
        except RefusalError as refusal:
            return refusal.error
        return ""

    async def pinned(self) -> str:
        return str((await self.get(SITE_MEMBERSHIP, "site-a", "a"))["spec"].get("publicKey", ""))


async def test_the_first_key_is_pinned_and_the_code_is_gone() -> None:
    bench = Bench()
    await bench.prepare()
    assert await bench.join() == ""
    assert await bench.pinned() == KEY.public
    with pytest.raises(NotFoundError):
        await bench.get(SECRET, "site-a", CODE_SECRET)
    assert await bench.join() == ""  # the answer was lost: the same key may ask again
    assert await bench.join(OTHER) == "invalid_code"


@pytest.mark.parametrize(("hours", "error"), [(0.99, ""), (1.0, "invalid_code"), (48, "invalid_code")])
async def test_a_code_ends_with_the_hubs_clock(hours: float, error: str) -> None:
    bench = Bench()
    await bench.prepare()
    bench.clock.advance_now(hours * 3600)
    assert await bench.join() == error
    assert bool(await bench.pinned()) == (not error)


async def test_a_code_claimed_in_time_is_completed_later() -> None:
    bench = Bench()
    await bench.prepare()
    secret = await bench.get(SECRET, "site-a", CODE_SECRET)
    secret["data"]["claimedKey"] = base64.b64encode(KEY.public.encode()).decode()
    await bench.replace(SECRET, secret)
    bench.clock.advance_now(2 * 3600)
    assert await bench.join(OTHER) == "invalid_code"
    assert await bench.join() == ""


@pytest.mark.parametrize(
    ("spec", "error"), [({"accepted": False}, "not_accepted"), ({"publicKey": OTHER.public}, "other_key_pinned")]
)
async def test_whoever_shows_a_good_code_is_told_why_not(spec: dict[str, Any], error: str) -> None:
    bench = Bench()
    await bench.prepare(**spec)
    assert await bench.join() == error
    assert await bench.join(code="x" * 32) == "invalid_code"  # whoever does not learns nothing
    assert await bench.pinned() == spec.get("publicKey", "")


async def test_no_membership_and_no_code_look_alike() -> None:
    bench = Bench()
    assert await bench.join(name="b") == "invalid_code"
    await bench.prepare()
    assert await bench.join(code="x" * 32) == "invalid_code"


async def test_somebody_who_was_faster_is_read_again_but_not_for_ever() -> None:
    bench = Bench()
    await bench.prepare()
    bench.conflicts = 2
    assert await bench.join() == ""
    bench = Bench()
    await bench.prepare()
    bench.conflicts = 100
    assert await bench.join() == "temporarily_unavailable"
