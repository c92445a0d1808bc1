"""Keys and signatures have one spelling each, and a signature means one thing."""

import base64

import pytest

from policloud.domain.federation.keys import (
    ANSWER_PREFIX,
    JOIN_PREFIX,
    KeyFormatError,
    SigningKey,
    fingerprint,
    public_key_of,
    verify,
)

KEY = SigningKey(bytes(range(32)))


def test_a_signature_is_the_keys_own_over_prefix_and_message() -> None:
    signature = KEY.sign(ANSWER_PREFIX, b"yes")
    assert verify(KEY.public, ANSWER_PREFIX, b"yes", signature)
    assert not verify(KEY.public, ANSWER_PREFIX, b"no", signature)
    assert not verify(KEY.public, JOIN_PREFIX, b"yes", signature)
    assert not verify(SigningKey(b"x" * 32).public, ANSWER_PREFIX, b"yes", signature)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ed25519:",
        KEY.public.removeprefix("ed25519:"),
        KEY.public + "\n",
        KEY.public.rstrip("="),
        KEY.public.replace("ed25519", "ED25519"),
        "ed25519:" + base64.b64encode(b"x" * 31).decode(),
        KEY.public[:-2] + "J=",  # other padding bits, same bytes
        "ed25519:é",
    ],
)
def test_any_other_spelling_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(KeyFormatError) as refused:
        public_key_of(text)
    assert len(text) < 12 or text not in str(refused.value)


def test_the_private_key_does_not_show_itself() -> None:
    seed = base64.b64encode(bytes(range(32))).decode()
    assert seed not in repr(KEY)
    assert repr(KEY) == f"SigningKey({fingerprint(KEY.public)})"
    with pytest.raises(KeyFormatError):
        SigningKey(b"short")
