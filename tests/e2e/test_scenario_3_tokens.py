"""Tokens end while all goes on. They have lived through the scenarios before this one, which waits for what is left."""

from __future__ import annotations

import os
from datetime import datetime

import pytest

from e2elab import shorttokens
from e2elab.cluster import Cluster
from e2elab.fleet import Fleet
from e2elab.shorttokens import Use
from e2elab.state import is_true, stays

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(
        os.environ.get("CLUSTER") != "kind", reason="the API servers of CLUSTER=local grant tokens that outlive the run"
    ),
]
_MARGIN_SECONDS = 30.0  # of a watch that ends and begins again


def _now(cluster: Cluster) -> datetime:
    """By the clock of the audit log. Its lines stand in the order of their ends: the last may have begun long ago."""
    return max(datetime.fromisoformat(event["requestReceivedTimestamp"]) for event in cluster.audit())


def _in_use(cluster: Cluster, since: datetime) -> dict[str, Use]:
    """Tokens of sites that are good at that moment and were used in the last minutes, by their ID."""
    return {
        token: use
        for token, use in shorttokens.uses(cluster.audit()).items()
        if 0 <= (since - use.last).total_seconds() < 120 and (since - use.first).total_seconds() < shorttokens.SECONDS
    }


def test_tokens_end_and_nobody_notices(federation: Fleet) -> None:
    """No site is ever refused or thought away; each token is replaced before it ends, and never used after that."""
    federation.submit("sky", 1, at=["cannes"])
    before = federation.wait_running("sky", 1, "cannes")
    watched = (federation.hub, federation.sites["cannes"])
    begun = {cluster.name: _now(cluster) for cluster in watched}
    old = {cluster.name: _in_use(cluster, begun[cluster.name]) for cluster in watched}
    assert {use.account.split(":")[2] for use in old["hub"].values()} == {"site-cannes", "site-malaga"}
    assert old["cannes"]
    youngest = min((begun[name] - use.first).total_seconds() for name, tokens in old.items() for use in tokens.values())

    stays(
        lambda: all(is_true(federation.membership(site), "Reachable") for site in federation.sites),
        shorttokens.SECONDS - youngest + _MARGIN_SECONDS,
        what="every site is heard while its token ends",
        every=5.0,
    )
    federation.scale("sky", 2)
    pods = federation.wait_running("sky", 2, "cannes")
    assert before[0]["metadata"]["uid"] in {pod["metadata"]["uid"] for pod in pods}

    for cluster in watched:
        now = shorttokens.uses(cluster.audit())
        assert {token: use.seconds for token, use in now.items() if use.seconds > shorttokens.SECONDS} == {}
        for token in old[cluster.name]:
            account = now[token].account
            successors = [u for t, u in now.items() if u.account == account and u.first > now[token].first]
            assert successors, f"{account} on {cluster.name} never got another token"
        assert shorttokens.refusals(cluster.audit(), begun[cluster.name]) == []
