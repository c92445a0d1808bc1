"""What goes wrong when sites join and come back: each a message that says whose move it is, and the right state."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from linklab import HubLab, SiteLine, elsewhere, until
from policloud.api.names import INVITED_ANNOTATION
from policloud.api.resources import CONFIG_MAP, SECRET
from policloud.domain.federation.keys import fingerprint
from policloud.domain.federation.link import LinkReason
from policloud.reconcile.hub.codes import code_secret, new_code
from policloud.site.remembered import KEY_SECRET, LINK_RECORD, load_key
from policloud.testing.clock import VirtualClock
from policloud.testing.controlplane.certificates import Authority


async def joined_says(hub: HubLab, name: str, status: str, reason: str) -> str:
    """The message of Joined on the hub, once it has this status and reason; Ready then says the same."""
    await until(lambda: _is(hub, name, status, reason), f"Joined is {status} {reason}")
    found = (await hub.membership(name))["status"]["conditions"]
    told = {c["type"]: c for c in found}
    if status == "False":
        assert (told["Ready"]["status"], told["Ready"]["reason"]) == (status, reason)
    message: str = told["Joined"]["message"]
    return message


async def _is(hub: HubLab, name: str, status: str, reason: str) -> bool:
    return await hub.condition(name, "Joined") == (status, reason)


def unit_says(line: SiteLine) -> tuple[str, str, str]:
    """HubConnected as the site's units carry it."""
    told = line.link.state.condition()
    return told.status, told.reason, told.message


async def test_an_open_invitation_shows_on_the_hub_until_it_is_used(hub: HubLab) -> None:
    file = await hub.invite("invited")
    until_ = (await hub.membership("invited"))["metadata"]["annotations"][INVITED_ANNOTATION]
    assert f"open until {until_}" in await joined_says(hub, "invited", "False", "Invited")
    line = await hub.line(file)
    await line.reaches(LinkReason.CONNECTED)
    assert (await joined_says(hub, "invited", "True", "KeyPinned")).startswith("key ")
    assert unit_says(line) == ("True", "LeaseRenewed", "")


async def test_an_invitation_that_expires_says_so_on_both_sides(hub: HubLab) -> None:
    late = await hub.invite("too-late", clock=VirtualClock(datetime(2020, 1, 1, tzinfo=UTC)))
    line = await hub.line(late)
    await line.reaches(LinkReason.JOIN_REFUSED)
    status, reason, message = unit_says(line)
    assert (status, reason) == ("False", "JoinRefused")
    assert "expired; ask the platform team for a new one: policloud hub invite" in message
    said = await joined_says(hub, "too-late", "False", "InvitationExpired")
    assert "expired unused at 2020-01-01T01:00:00Z; invite the site anew: policloud hub invite too-late" in said


async def test_the_hub_notices_by_itself_that_an_invitation_expires(hub: HubLab) -> None:
    await hub.invite("unused", ttl=timedelta(seconds=3))
    await joined_says(hub, "unused", "False", "Invited")
    await joined_says(hub, "unused", "False", "InvitationExpired")


async def test_a_site_installed_again_with_its_key_comes_back_without_an_invitation(hub: HubLab) -> None:
    file = await hub.invite("again")
    line = await hub.line(file)
    await line.reaches(LinkReason.CONNECTED)
    await line.end()
    await hub.admin.delete(CONFIG_MAP, line.namespace, LINK_RECORD)  # everything but the key was removed
    again = await hub.line(file, namespace=line.namespace)  # with the values file of the first time, its code used up
    await again.reaches(LinkReason.CONNECTED)
    assert LinkReason.JOIN_REFUSED not in again.states


async def test_a_lost_key_is_told_from_a_foreign_one_and_a_new_invitation_mends_it(hub: HubLab) -> None:
    file = await hub.invite("lost")
    line = await hub.line(file)
    await line.reaches(LinkReason.CONNECTED)
    old = await load_key(hub.admin, line.namespace)
    await line.end()
    await hub.admin.delete(SECRET, line.namespace, KEY_SECRET)
    without = await hub.line(file, namespace=line.namespace)
    await without.reaches(LinkReason.KEY_LOST)
    new = await load_key(hub.admin, line.namespace)
    status, reason, message = unit_says(without)
    assert (status, reason) == ("False", "KeyLost")
    assert f"new key made ({fingerprint(new.public)})" in message
    assert f"trusts the old one ({fingerprint(old.public)})" in message
    assert "remove spec.publicKey of SiteMembership lost, invite the site again" in message
    assert (await hub.membership("lost"))["spec"]["publicKey"] == old.public
    await without.end()
    still = await hub.line(None, namespace=line.namespace)  # a restart forgets nothing of it
    await still.reaches(LinkReason.KEY_LOST)
    await still.end()
    await hub.edit("lost", publicKey=None)
    assert "invite it anew" in await joined_says(hub, "lost", "False", "KeyRemoved")
    again = await hub.line(await hub.invite("lost"), namespace=line.namespace)
    await again.reaches(LinkReason.CONNECTED)
    assert (await hub.membership("lost"))["spec"]["publicKey"] == new.public


async def test_a_revoked_site_knows_it_and_the_hub_says_it(hub: HubLab) -> None:
    line = await hub.joined("sent-away")
    await hub.edit("sent-away", accepted=False)
    await line.reaches(LinkReason.REVOKED)
    status, reason, message = unit_says(line)
    assert (status, reason) == ("False", "Revoked")
    assert "what runs goes on, ask the platform team" in message
    await until(lambda: _ready(hub, "sent-away", "NotAccepted"), "Ready says why")


async def test_a_second_site_of_the_same_name_does_not_get_in(hub: HubLab) -> None:
    first = await hub.joined("twin")
    pinned = (await hub.membership("twin"))["spec"]["publicKey"]
    code = new_code()
    secret = code_secret("twin", code, datetime(2100, 1, 1, tzinfo=UTC))
    await hub.admin.create(SECRET, secret)  # as if somebody had invited it again by hand
    file = await hub.invite("twin-helper")
    other = await hub.line(type(file)(file.hub, "twin", code))
    await other.reaches(LinkReason.JOIN_REFUSED)
    assert f"twin has joined with another key ({fingerprint(pinned)})" in unit_says(other)[2]
    assert "removes spec.publicKey" in unit_says(other)[2]
    assert (await hub.membership("twin"))["spec"]["publicKey"] == pinned
    assert await hub.condition("twin", "Joined") == ("True", "KeyPinned")
    assert unit_says(first)[0] == "True"


@pytest.mark.parametrize("what", ["at first", "later"])
async def test_a_wrong_ca_is_named_and_neither_side_changes(hub: HubLab, tmp_path: Path, what: str) -> None:
    name = f"untrusted-{what.replace(' ', '-')}"
    file = await hub.invite(name)
    stranger = Authority(tmp_path / "stranger", "stranger").pem
    if what == "later":
        wrong = await hub.line(file)
        await wrong.reaches(LinkReason.CONNECTED)
        await wrong.end()
        line = await hub.line(elsewhere(file, ca=stranger), namespace=wrong.namespace)
    else:
        line = await hub.line(elsewhere(file, ca=stranger))
    await line.reaches(LinkReason.HUB_UNTRUSTED)
    status, reason, message = unit_says(line)
    assert (status, reason) == ("False", "HubCertificateUntrusted")
    assert "get a new join file from the platform team" in message
    assert ("publicKey" in (await hub.membership(name))["spec"]) is (what == "later")


async def _ready(hub: HubLab, name: str, reason: str) -> bool:
    return await hub.condition(name, "Ready") == ("False", reason)
