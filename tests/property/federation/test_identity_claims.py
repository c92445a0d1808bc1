"""Who is asking: nothing but exactly the expected claims passes, whatever else is offered."""

from datetime import UTC, datetime

import jwt
from hypothesis import assume, given
from hypothesis import strategies as st

from policloud.adapters.assertions import read_claimed, sign_assertion, sign_join, verified_claims, verify_join
from policloud.domain.federation.identity import (
    NONCE_SECONDS,
    Expected,
    check_claims,
    claims_for,
    valid_name,
)
from policloud.domain.federation.keys import SigningKey

NOW = datetime(2026, 11, 24, tzinfo=UTC).timestamp()
ENDS = int(NOW) + NONCE_SECONDS
EXPECTED = Expected("rougeline", "policloud-eu", "https://hub.example.org/v1/token", "n" * 40, ENDS)
GOOD = claims_for(EXPECTED)
KEY = SigningKey(b"k" * 32)
OTHER = SigningKey(b"o" * 32)

names = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?", fullmatch=True)
texts = st.text(max_size=40)
values = st.one_of(
    texts, st.integers(), st.booleans(), st.none(), st.lists(texts, max_size=3), st.floats(allow_nan=False)
)


def test_the_expected_claims_pass() -> None:
    assert check_claims(GOOD, EXPECTED, now=NOW) is None


@given(claim=st.sampled_from(sorted(GOOD)), value=values)
def test_any_other_value_of_any_claim_is_refused(claim: str, value: object) -> None:
    assume(value != GOOD[claim] or type(value) is not type(GOOD[claim]))
    assert check_claims({**GOOD, claim: value}, EXPECTED, now=NOW) is not None


@given(claim=texts, value=values)
def test_one_claim_more_is_refused(claim: str, value: object) -> None:
    assume(claim not in GOOD)
    assert check_claims({**GOOD, claim: value}, EXPECTED, now=NOW) is not None


@given(claim=st.sampled_from(sorted(GOOD)))
def test_one_claim_less_is_refused(claim: str) -> None:
    assert check_claims({k: v for k, v in GOOD.items() if k != claim}, EXPECTED, now=NOW) is not None


@given(mine=names, theirs=names)
def test_no_site_passes_for_another(mine: str, theirs: str) -> None:
    assume(mine != theirs)
    ours = claims_for(Expected(mine, EXPECTED.hub_id, EXPECTED.token_url, EXPECTED.nonce, ENDS))
    for confused in (ours, {**ours, "sub": theirs}, {**ours, "iss": theirs}):
        wanted = Expected(theirs, EXPECTED.hub_id, EXPECTED.token_url, EXPECTED.nonce, ENDS)
        assert check_claims(confused, wanted, now=NOW) is not None


@given(tail=st.text(min_size=1, max_size=5))
def test_prefixes_and_lookalikes_are_other_names(tail: str) -> None:
    for subject in (
        EXPECTED.membership + tail,
        tail + EXPECTED.membership,
        EXPECTED.membership.upper(),
        "rougelin\u0435",
    ):
        claims = {**GOOD, "sub": subject, "iss": subject}
        assert check_claims(claims, EXPECTED, now=NOW) is not None


@given(name=st.text(max_size=80))
def test_names_are_ascii_labels_that_leave_room_for_the_namespace(name: str) -> None:
    if valid_name(name):
        assert name.isascii()
        assert name == name.lower()
        assert len(f"site-{name}") <= 63
        assert name.strip("-") == name


@given(now=st.floats(min_value=0, max_value=4e9))
def test_a_nonce_lives_sixty_seconds_of_the_hubs_clock(now: float) -> None:
    assert (check_claims(GOOD, EXPECTED, now=now) is None) == (ENDS - NONCE_SECONDS <= now < ENDS)


def test_true_is_not_one_and_a_tuple_is_no_list() -> None:
    expected = Expected("a", "h", "https://u", "n", 1)
    assert check_claims({**claims_for(expected), "exp": True}, expected, now=0) is not None
    assert check_claims({**GOOD, "aud": tuple(GOOD["aud"])}, EXPECTED, now=NOW) is not None  # type: ignore[arg-type]
    assert check_claims({**GOOD, "aud": [*reversed(GOOD["aud"])]}, EXPECTED, now=NOW) is not None  # type: ignore[call-overload]
    assert check_claims({**GOOD, "aud": EXPECTED.token_url}, EXPECTED, now=NOW) is not None


def test_only_the_pinned_keys_signature_counts() -> None:
    assertion = sign_assertion(KEY, EXPECTED)
    assert verified_claims(assertion, KEY.public) == GOOD
    assert verified_claims(assertion, OTHER.public) is None
    assert verified_claims(assertion, "ed25519:AAAA") is None


def test_algorithm_and_header_are_not_the_callers_choice() -> None:
    none = jwt.encode(GOOD, None, algorithm="none")
    hmac = jwt.encode(GOOD, KEY.public.encode() * 2, algorithm="HS256")
    extra = jwt.encode(GOOD, KEY.private_key, algorithm="EdDSA", headers={"kid": "mine"})
    for forged in (none, hmac, extra):
        assert read_claimed(forged) is None
    assert verified_claims(none, KEY.public) is None
    assert verified_claims(hmac, KEY.public) is None


@given(junk=st.text(max_size=200))
def test_junk_is_no_assertion(junk: str) -> None:
    assert read_claimed(junk) is None
    assert verified_claims(junk, KEY.public) is None


@given(
    field=st.sampled_from(["hub_id", "url", "membership", "code"]),
    value=texts,
)
def test_a_proof_of_possession_holds_for_one_hub_name_and_code(field: str, value: str) -> None:
    given_ = {"hub_id": "policloud-eu", "url": "https://h", "membership": "rougeline", "code": "c" * 32}
    proof = sign_join(KEY, **given_)
    assert verify_join(KEY.public, proof, **given_)
    assert not verify_join(OTHER.public, proof, **given_)
    changed = {**given_, field: value}
    assert verify_join(KEY.public, proof, **changed) == (changed == given_)
