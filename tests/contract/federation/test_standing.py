"""A site that has joined: revoked, copied, restored, skewed, cut off. On real API servers, times at a twentieth."""

import time
from datetime import UTC, datetime, timedelta

import jwt
import pytest

from linklab import HubLab, elsewhere, until
from policloud.adapters.assertions import sign_assertion
from policloud.adapters.clock import SystemClock
from policloud.adapters.kube.client import HttpCluster
from policloud.adapters.kube.connection import Connection, fixed_token
from policloud.api.resources import LEASE, SERVICE_ACCOUNT, WORK_OFFER
from policloud.domain.federation.identity import ASSERTION_TYPE, TOKEN_SECONDS, Expected
from policloud.domain.federation.link import LinkReason
from policloud.ports import UnauthenticatedError
from policloud.site.fault import LinkFaultError
from policloud.site.identity_client import IdentityClient
from policloud.site.remembered import load_key


class SkewedClock(SystemClock):
    """A site whose wall clock is wrong."""

    def __init__(self, by: timedelta) -> None:
        self._by = by

    def now(self) -> datetime:
        return datetime.now(UTC) + self._by  # noqa: TID251 - a clock


async def client_of(hub: HubLab, name: str, namespace: str) -> tuple[IdentityClient, str]:
    """The joined site's own identity client, for asking as it would."""
    info = (await hub.invite(f"{name}-info")).hub
    return IdentityClient(info, await load_key(hub.admin, namespace)), info.api


async def test_a_token_is_short_bound_and_for_this_namespace(hub: HubLab) -> None:
    line = await hub.joined("token")
    client, _ = await client_of(hub, "token", line.namespace)
    token = await client.token("token")
    claims = jwt.decode(token.value, options={"verify_signature": False})
    account = await hub.admin.get(SERVICE_ACCOUNT, "site-token", "policloud-site")
    assert claims["exp"] - claims["iat"] <= TOKEN_SECONDS
    assert token.valid_for is not None
    assert token.valid_for <= TOKEN_SECONDS
    assert claims["sub"] == "system:serviceaccount:site-token:policloud-site"
    assert claims["kubernetes.io"]["serviceaccount"]["uid"] == account["metadata"]["uid"]


async def test_a_revoked_site_is_out_within_fifteen_seconds_for_new_and_old_tokens(hub: HubLab) -> None:
    line = await hub.joined("revoked")
    client, api = await client_of(hub, "revoked", line.namespace)
    token = await client.token("revoked")
    cluster = HttpCluster(Connection(api, hub.plane.ca_pem, fixed_token(token.value)))
    await cluster.list(WORK_OFFER, "site-revoked")
    began = time.monotonic()
    await hub.edit("revoked", accepted=False)
    with pytest.raises(LinkFaultError) as refused:
        await client.token("revoked")
    assert refused.value.reason is LinkReason.REVOKED

    async def out() -> bool:
        try:
            await cluster.list(WORK_OFFER, "site-revoked")
        except UnauthenticatedError:
            return True
        return False

    await until(out, "the old token is refused", 15.0)
    await line.reaches(LinkReason.REVOKED, 15.0)
    assert time.monotonic() - began < 15.0
    await cluster.close()
    await hub.edit("revoked", accepted=True)
    await line.reaches(LinkReason.CONNECTED)


@pytest.mark.parametrize("minutes", [-10, 10])
async def test_the_sites_clock_plays_no_part(hub: HubLab, minutes: int) -> None:
    name = f"skewed{'-' if minutes < 0 else ''}{abs(minutes)}"
    line = await hub.line(await hub.invite(name), clock=SkewedClock(timedelta(minutes=minutes)))
    await line.reaches(LinkReason.CONNECTED)
    await until(lambda: _reachable(hub, name), "reachable by the hub's own clock")


async def test_an_assertion_buys_one_token(hub: HubLab) -> None:
    line = await hub.joined("replay")
    key = await load_key(hub.admin, line.namespace)
    client, _ = await client_of(hub, "replay", line.namespace)
    refused = LinkReason.CREDENTIAL_REFUSED
    nonce = await client._post("/v1/nonce", refused, json={"membership": "replay"})

    def form(membership: str, url: str, nonce_text: str) -> dict[str, str]:
        expected = Expected(membership, "policloud-test", url, nonce_text, nonce["ends"])
        return {
            "grant_type": "client_credentials",
            "client_assertion_type": ASSERTION_TYPE,
            "client_assertion": sign_assertion(key, expected),
        }

    token_url = f"{hub.url}/v1/token"
    for wrong in (
        form("replay", "https://elsewhere/v1/token", nonce["nonce"]),
        form("replay-info", token_url, nonce["nonce"]),
        form("replay", token_url, nonce["nonce"][:-2] + "AA"),
    ):
        with pytest.raises(LinkFaultError) as fault:
            await client._post("/v1/token", refused, form=wrong)
        assert fault.value.reason is refused
    good = form("replay", token_url, nonce["nonce"])
    assert (await client._post("/v1/token", refused, form=good))["token_type"] == "Bearer"
    with pytest.raises(LinkFaultError, match="used before"):
        await client._post("/v1/token", refused, form=good)


async def test_asking_tells_nothing_about_who_has_joined(hub: HubLab) -> None:
    line = await hub.joined("known")
    stranger = await hub.line(None)
    client, _ = await client_of(hub, "known", stranger.namespace)  # another key
    answers = []
    for name in ("known", "known-info", "never-heard-of"):
        with pytest.raises(LinkFaultError) as fault:
            await client.token(name)
        answers.append(fault.value.message)
    assert len(set(answers)) == 1
    assert line.link.state.connected


async def test_a_killed_process_is_followed_by_the_next_after_a_short_silence(hub: HubLab) -> None:
    line = await hub.joined("killed")
    await line.kill()
    following = await hub.line(None, namespace=line.namespace)
    await following.reaches(LinkReason.CONNECTED)
    assert following.states[0] is LinkReason.AWAITING_PREDECESSOR


async def test_a_copy_of_a_site_is_paused_while_the_site_lives(hub: HubLab) -> None:
    line = await hub.joined("copied")
    copy = await hub.line(None, namespace=line.namespace)  # same key, same records, another process
    await copy.reaches(LinkReason.DUPLICATE_IDENTITY)
    assert copy.link.cluster is None
    assert line.link.state.connected
    await line.end()
    await copy.reaches(LinkReason.CONNECTED)


async def test_a_site_that_was_displaced_pauses(hub: HubLab) -> None:
    line = await hub.joined("displaced")

    async def taken() -> bool:
        lease = await hub.lease("displaced")
        lease["spec"]["holderIdentity"] = "somebody-else"
        try:
            await hub.admin.replace(LEASE, lease)
        except Exception:  # noqa: BLE001 - the site renewed in between
            return False
        return True

    await until(taken, "the Lease is taken")
    await line.reaches(LinkReason.DUPLICATE_IDENTITY)
    assert line.link.cluster is None


async def test_a_site_restored_from_a_backup_starts_nothing(hub: HubLab) -> None:
    line = await hub.joined("restored")
    await line.end()
    lease = await hub.lease("restored")
    lease["metadata"]["annotations"]["policloud.io/counter"] = "7"
    await hub.admin.replace(LEASE, lease)
    again = await hub.line(None, namespace=line.namespace, counter=6)
    await again.reaches(LinkReason.SITE_RESTORED)
    assert again.link.state.restored
    assert again.link.cluster is None
    assert (await hub.lease("restored"))["metadata"]["annotations"]["policloud.io/counter"] == "7"
    again.counter = 7
    await again.reaches(LinkReason.CONNECTED)


async def test_an_echo_ahead_of_the_hub_makes_it_read_only(hub: HubLab) -> None:
    line = await hub.joined("ahead")
    await until(lambda: hub.process.hub.sites.placing_allowed, "the hub may place")
    await line.end()
    lease = await hub.lease("ahead")
    lease["metadata"]["annotations"] |= {"policloud.io/epoch": "1", "policloud.io/sequence": "99"}
    lease["spec"]["renewTime"] = (
        datetime(2026, 1, 1, tzinfo=UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    )
    lease["spec"]["holderIdentity"] = "the-site"
    await hub.admin.replace(LEASE, lease)
    await until(lambda: _says(hub, "ahead", "EchoConsistent", "HubRestored"), "the membership says so")
    assert not hub.process.hub.sites.placing_allowed
    lease = await hub.lease("ahead")
    lease["metadata"]["annotations"]["policloud.io/sequence"] = "0"
    await hub.admin.replace(LEASE, lease)
    await until(lambda: hub.process.hub.sites.placing_allowed, "settled")


async def test_silence_makes_a_site_unreachable_and_a_renewal_reachable_again(hub: HubLab) -> None:
    line = await hub.joined("silent")
    await until(lambda: _reachable(hub, "silent"), "reachable")
    await line.kill()
    await until(lambda: _says(hub, "silent", "Reachable", "LeaseNotRenewed"), "unreachable")
    assert not hub.process.hub.sites.state("silent").offers_allowed
    back = await hub.line(None, namespace=line.namespace)
    await back.reaches(LinkReason.CONNECTED)
    await until(lambda: _reachable(hub, "silent"), "reachable again")


async def test_a_paused_site_keeps_its_line_and_gets_no_offers(hub: HubLab) -> None:
    line = await hub.joined("paused")
    await until(lambda: _reachable(hub, "paused"), "reachable")
    await hub.edit("paused", paused=True)
    await until(lambda: _says(hub, "paused", "Ready", "Paused"), "Ready says so")
    assert not hub.process.hub.sites.state("paused").offers_allowed
    assert line.link.state.connected


async def test_an_idle_site_costs_the_hub_lease_writes_only(hub: HubLab) -> None:
    line = await hub.joined("idle")
    await until(lambda: _reachable(hub, "idle"), "reachable")
    before = (await hub.membership("idle"))["metadata"]["resourceVersion"]
    first = (await hub.lease("idle"))["spec"]["renewTime"]
    seen = {first}

    async def renewed_often() -> bool:
        seen.add((await hub.lease("idle"))["spec"]["renewTime"])
        return len(seen) > 5

    await until(renewed_often, "five renewals")
    assert (await hub.membership("idle"))["metadata"]["resourceVersion"] == before
    assert line.link.state.connected


async def test_a_join_file_for_another_hub_does_not_move_a_site(hub: HubLab) -> None:
    line = await hub.joined("stays")
    await line.end()
    other = elsewhere(await hub.invite("stays-not"), id="another-hub", identity="https://127.0.0.1:1")
    again = await hub.line(other, namespace=line.namespace)
    await again.reaches(LinkReason.CONNECTED)
    assert again.link.state.hub_id == "policloud-test"


async def _reachable(hub: HubLab, name: str) -> bool:
    return (await hub.condition(name, "Reachable"))[0] == "True"


async def _says(hub: HubLab, name: str, type_: str, reason: str) -> bool:
    return (await hub.condition(name, type_))[1] == reason
