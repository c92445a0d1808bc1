"""Joining, over real TLS and a real API server: what works, and everything that must not."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from linklab import HubLab, elsewhere, until
from policloud.adapters.assertions import sign_join
from policloud.adapters.clock import SystemClock
from policloud.api.joinfile import JoinFile
from policloud.api.resources import SECRET, SERVICE_ACCOUNT
from policloud.domain.federation.keys import SigningKey
from policloud.domain.federation.link import LinkReason
from policloud.hub.identity.join import Joining
from policloud.hub.identity.requests import JoinRequest, RefusalError
from policloud.hub.invite import InviteError
from policloud.ports import NotFoundError
from policloud.reconcile.hub.codes import CODE_SECRET, claimed
from policloud.site.remembered import load_key
from policloud.testing.clock import VirtualClock
from policloud.testing.controlplane.certificates import Authority

KEY, OTHER = SigningKey(b"1" * 32), SigningKey(b"2" * 32)


async def test_a_site_joins_once_and_comes_back_without_the_file(hub: HubLab) -> None:
    line = await hub.joined("joins")
    key = await load_key(hub.admin, line.namespace)
    membership = await hub.membership("joins")
    assert membership["spec"]["publicKey"] == key.public
    await until(lambda: _is(hub, "joins", "Ready", "True"), "the membership is Ready")
    with pytest.raises(NotFoundError):
        await hub.admin.get(SECRET, "site-joins", CODE_SECRET)
    assert (await hub.lease("joins"))["spec"]["holderIdentity"]
    await line.end()
    assert "holderIdentity" not in (await hub.lease("joins"))["spec"]
    again = await hub.line(None, namespace=line.namespace)
    await again.reaches(LinkReason.CONNECTED)
    assert LinkReason.AWAITING_PREDECESSOR not in again.states


async def test_a_code_serves_one_key(hub: HubLab) -> None:
    file = await hub.invite("once")
    first = await hub.line(file)
    await first.reaches(LinkReason.CONNECTED)
    pinned = (await hub.membership("once"))["spec"]["publicKey"]
    second = await hub.line(file)
    await second.reaches(LinkReason.JOIN_REFUSED)
    assert "ask the platform team for a new one" in second.link.state.message
    assert (await hub.membership("once"))["spec"]["publicKey"] == pinned
    assert first.link.state.connected


async def test_a_second_invitation_replaces_the_first(hub: HubLab) -> None:
    old, new = await hub.invite("twice"), await hub.invite("twice")
    await (await hub.line(old)).reaches(LinkReason.JOIN_REFUSED)
    await (await hub.line(new)).reaches(LinkReason.CONNECTED)


async def test_an_expired_code_is_refused(hub: HubLab) -> None:
    file = await hub.invite("late", clock=VirtualClock(datetime(2020, 1, 1, tzinfo=UTC)))
    await (await hub.line(file)).reaches(LinkReason.JOIN_REFUSED)
    assert "publicKey" not in (await hub.membership("late"))["spec"]


async def test_another_ca_is_not_trusted_and_nothing_is_sent(hub: HubLab, tmp_path: Path) -> None:
    stranger = Authority(tmp_path / "stranger", "stranger")
    file = elsewhere(await hub.invite("between"), ca=stranger.pem)
    line = await hub.line(file)
    await line.reaches(LinkReason.HUB_UNTRUSTED)
    assert "new join file" in line.link.state.message


async def test_a_hub_that_is_not_there_is_told_apart(hub: HubLab) -> None:
    file = elsewhere(await hub.invite("nobody"), identity="https://127.0.0.1:1")
    await (await hub.line(file)).reaches(LinkReason.HUB_UNREACHABLE)


async def test_inviting_a_site_that_has_joined_says_what_to_do(hub: HubLab) -> None:
    await hub.joined("there")
    with pytest.raises(InviteError, match="has joined already") as refused:
        await hub.invite("there")
    assert "publicKey" in refused.value.fix
    await hub.edit("there", accepted=False)
    with pytest.raises(InviteError, match="accepted: false"):
        await hub.invite("there")


@pytest.mark.parametrize("name", ["Upper", "a" * 59, "-a", "a.b", "", "ü"])
async def test_names_that_cannot_be_sites_are_refused(hub: HubLab, name: str) -> None:
    with pytest.raises(InviteError):
        await hub.invite(name)


async def test_ttl_is_bounded(hub: HubLab) -> None:
    with pytest.raises(InviteError, match="cannot live"):
        await hub.invite("longer", ttl=timedelta(hours=25))


async def test_a_crash_between_claim_and_pin_leaves_the_code_to_its_key(hub: HubLab) -> None:
    file = await hub.invite("crash")
    secret = await hub.admin.get(SECRET, "site-crash", CODE_SECRET)
    await hub.admin.replace(SECRET, claimed(secret, KEY.public))
    joining = Joining(hub.process.http, SystemClock(), hub_id=file.hub.id, url=file.hub.identity)
    with pytest.raises(RefusalError) as refused:
        await joining.join(request(file, OTHER))
    assert refused.value.error == "invalid_code"
    await joining.join(request(file, KEY))
    await joining.join(request(file, KEY))  # the answer was lost: again is fine
    assert (await hub.membership("crash"))["spec"]["publicKey"] == KEY.public


async def test_a_proof_by_another_key_pins_nothing(hub: HubLab) -> None:
    file = await hub.invite("proof")
    joining = Joining(hub.process.http, SystemClock(), hub_id=file.hub.id, url=file.hub.identity)
    stolen = request(file, OTHER)
    with pytest.raises(RefusalError) as refused:
        await joining.join(JoinRequest("proof", file.code, KEY.public, stolen.proof))
    assert refused.value.error == "invalid_proof"
    assert "publicKey" not in (await hub.membership("proof"))["spec"]


async def test_a_removed_key_ends_access_and_a_new_invitation_restores_it(hub: HubLab) -> None:
    line = await hub.joined("removed")
    await hub.edit("removed", publicKey=None)
    await until(lambda: _gone(hub, "removed"), "the account is deleted")
    await line.reaches(LinkReason.CREDENTIAL_REFUSED)
    await until(lambda: _reason(hub, "removed", "Joined", "KeyRemoved"), "Joined says so")
    await line.end()
    again = await hub.line(await hub.invite("removed"), namespace=line.namespace)
    await again.reaches(LinkReason.CONNECTED)


async def _gone(hub: HubLab, name: str) -> bool:
    accounts = (await hub.admin.list(SERVICE_ACCOUNT, f"site-{name}")).items
    return all(account["metadata"]["name"] != "policloud-site" for account in accounts)


async def _is(hub: HubLab, name: str, type_: str, status: str) -> bool:
    return (await hub.condition(name, type_))[0] == status


async def _reason(hub: HubLab, name: str, type_: str, reason: str) -> bool:
    return (await hub.condition(name, type_))[1] == reason


def request(file: JoinFile, key: SigningKey) -> JoinRequest:
    proof = sign_join(key, hub_id=file.hub.id, url=file.hub.identity, membership=file.membership, code=file.code)
    return JoinRequest(file.membership, file.code, key.public, proof)
