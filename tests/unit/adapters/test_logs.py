import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from policloud.adapters import logs
from policloud.runtime.workers import CURRENT, Reconciling

JWT = "eyJhbGciOiJSUzI1NiIsImtpZCI6IngifQ.eyJzdWIiOiJzeXN0ZW0ifQ.c2lnbmF0dXJl"


@pytest.fixture
def out() -> Iterator[io.StringIO]:
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    stream = io.StringIO()
    logs.configure("json", stream=stream)
    yield stream
    root.handlers[:], root.level = before
    structlog.reset_defaults()


def lines(out: io.StringIO) -> list[dict[str, str]]:
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_one_schema_for_both_kinds_of_loggers(out: io.StringIO) -> None:
    token = CURRENT.set(Reconciling("units", ("team", "alpha"), "2a"))
    logging.getLogger("library").warning("hello %s", "there", extra={"reason": "InsufficientPower"})
    structlog.get_logger("ours").info("placed", unit="u1")
    CURRENT.reset(token)
    first, second = lines(out)
    for record in (first, second):
        assert record["ts"].endswith("Z")
        assert (record["controller"], record["namespace"], record["name"], record["reconcile"]) == (
            "units",
            "team",
            "alpha",
            "2a",
        )
    assert (first["msg"], first["level"], first["reason"]) == ("hello there", "warning", "InsufficientPower")
    assert (second["msg"], second["unit"]) == ("placed", "u1")


def test_secrets_are_hidden_wherever_they_stand(out: io.StringIO) -> None:
    pem = "-----BEGIN PRIVATE KEY-----\nMIIabc\n-----END PRIVATE KEY-----"
    logging.getLogger("x").error("got %s and Authorization: Bearer abcdefghijkl and %s", JWT, pem)
    structlog.get_logger("x").info("joined", token="plain-one", code="1234", client_secret="s3")
    try:
        json.loads(JWT)
    except ValueError:
        logging.getLogger("x").exception("failed with %s", JWT)
    text = out.getvalue()
    for secret in (JWT, "abcdefghijkl", "MIIabc", "plain-one", "1234", "s3"):
        assert secret not in text
    assert text.count("[hidden]") >= 6


def test_text_is_one_line_a_record(out: io.StringIO) -> None:
    logs.configure("text", stream=out)
    logging.getLogger("x").info("hello")
    assert out.getvalue().count("\n") == 1
    assert "hello" in out.getvalue()


def test_retries_of_kopf_are_not_told_one_by_one(out: io.StringIO) -> None:
    logging.getLogger("kopf._core.reactor.observation").error("Request attempt #3 failed; will retry: GET https://x")
    logging.getLogger("kopf._core.reactor.observation").error("Something else")
    assert [r["msg"] for r in lines(out)] == ["Something else"]
