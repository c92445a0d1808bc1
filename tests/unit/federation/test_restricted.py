"""The site's second identity: its tokens live an hour at most, and no longer than the cluster grants."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from policloud.adapters.kube.connection import Connection
from policloud.ports import Body
from policloud.site.restricted import TOKEN_SECONDS, restricted_connection
from policloud.testing.fake import FakeCluster


class _Sparing(FakeCluster):
    """A cluster whose administrators limit tokens."""

    limit = 10**6

    async def create_token(
        self, namespace: str, service_account: str, *, seconds: int, audiences: Sequence[str]
    ) -> Body:
        most = min(seconds, self.limit)
        return await super().create_token(namespace, service_account, seconds=most, audiences=audiences)


@pytest.mark.parametrize(("limit", "expected"), [(600, 600), (7200, TOKEN_SECONDS)])
async def test_a_token_is_used_no_longer_than_it_lives(limit: int, expected: int) -> None:
    cluster = _Sparing()
    cluster.limit = limit
    token = await restricted_connection(Connection("https://site"), cluster, "policloud-system").token()
    assert token is not None
    assert token.valid_for == pytest.approx(expected, abs=1)
