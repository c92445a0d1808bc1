"""Nonces, codes, limits and requests of the identity endpoint."""

import base64
import json
from datetime import timedelta

import pytest

from policloud.hub.identity.limits import RateLimit
from policloud.hub.identity.nonce import Nonces
from policloud.hub.identity.requests import RefusalError, read_join, read_nonce_request
from policloud.reconcile.hub.codes import claimed, code_secret, new_code, read_secret
from policloud.testing.clock import VirtualClock


def nonces(clock: VirtualClock, *, hub: str = "policloud-eu", key: bytes = b"k" * 32) -> Nonces:
    return Nonces(key, hub, clock)


def test_a_nonce_is_for_one_membership_one_hub_and_one_key() -> None:
    clock = VirtualClock()
    nonce = nonces(clock).give("rougeline")
    assert nonces(clock).read(nonce.text, "rougeline") == nonce  # any replica with the same key
    assert nonces(clock).read(nonce.text, "cannes") is None
    assert nonces(clock, hub="other").read(nonce.text, "rougeline") is None
    assert nonces(clock, key=b"x" * 32).read(nonce.text, "rougeline") is None


def test_a_nonce_is_used_once_and_ends_after_sixty_seconds() -> None:
    clock = VirtualClock()
    mine = nonces(clock)
    first, second = mine.give("rougeline"), mine.give("rougeline")
    assert mine.use(first)
    assert not mine.use(first)
    assert mine.use(second)
    clock.advance_now(59)
    assert mine.read(first.text, "rougeline") == first
    clock.advance_now(1)
    assert mine.read(first.text, "rougeline") is None


def test_a_nonce_cannot_be_prolonged_or_respelled() -> None:
    clock = VirtualClock()
    mine = nonces(clock)
    nonce = mine.give("rougeline")
    raw = bytearray(base64.urlsafe_b64decode(nonce.text + "=" * (-len(nonce.text) % 4)))
    raw[7] ^= 0x40
    assert mine.read(base64.urlsafe_b64encode(bytes(raw)).decode().rstrip("="), "rougeline") is None
    for text in ("", "é", nonce.text + "=", nonce.text[:-1], nonce.text + "A", "A" * 10_000):
        assert mine.read(text, "rougeline") is None


def test_a_code_is_long_kept_as_a_hash_and_read_back_strictly() -> None:
    clock, code = VirtualClock(), new_code()
    assert len(code) == 32
    assert code != new_code()
    secret = code_secret("rougeline", code, clock.now() + timedelta(hours=1))
    assert code not in json.dumps(secret)
    assert all(code.encode() not in base64.b64decode(value) for value in secret["data"].values())
    stored = read_secret(secret)
    assert stored is not None
    assert stored.matches(code)
    assert not stored.matches(code[:-1])
    assert not stored.matches("\ud800")
    taken = read_secret(claimed(secret, "ed25519:key"))
    assert taken is not None
    assert taken.claimed_key == "ed25519:key"
    assert read_secret({"data": {"hash": "!!"}}) is None
    assert read_secret({}) is None


def test_a_caller_has_a_burst_and_then_a_pace_of_its_own() -> None:
    clock = VirtualClock()
    limit = RateLimit(clock, per_minute=60, burst=2)
    assert [limit.take("a"), limit.take("a")] == [0.0, 0.0]
    assert limit.take("a") == pytest.approx(1.0)
    assert limit.take("b") == 0.0
    clock.advance_now(1.0)
    assert limit.take("a") == 0.0


JOIN = {"membership": "rougeline", "code": "c", "publicKey": "k", "proof": "p"}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b"\xff",
        json.dumps({**JOIN, "more": "x"}).encode(),
        json.dumps({k: v for k, v in JOIN.items() if k != "code"}).encode(),
        json.dumps({**JOIN, "code": 7}).encode(),
        json.dumps({**JOIN, "code": ""}).encode(),
        json.dumps({**JOIN, "code": "x" * 513}).encode(),
        json.dumps({**JOIN, "membership": "Rougeline"}).encode(),
        json.dumps({**JOIN, "membership": "rougeline/../cannes"}).encode(),
        json.dumps({**JOIN, "membership": "a" * 59}).encode(),
        json.dumps({**JOIN, "membership": "rougelin\u0435"}).encode(),
    ],
)
def test_a_join_request_is_read_strictly(body: bytes) -> None:
    with pytest.raises(RefusalError) as refused:
        read_join(body)
    assert refused.value.status == 400


def test_a_good_request_is_read() -> None:
    assert read_join(json.dumps(JOIN).encode()).membership == "rougeline"
    assert read_nonce_request(b'{"membership": "rougeline"}') == "rougeline"
