"""Tokens: a signed assertion for a fresh nonce buys a bound ServiceAccount token of at most an hour."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Final

from policloud.adapters.assertions import read_claimed, verified_claims
from policloud.api.names import SITE_NAMESPACE_PREFIX
from policloud.api.resources import SITE_MEMBERSHIP
from policloud.domain.federation.identity import TOKEN_SECONDS, Expected, check_claims, valid_name
from policloud.domain.federation.keys import SigningKey
from policloud.hub.identity.nonce import Nonce, Nonces
from policloud.hub.identity.requests import RefusalError
from policloud.ports import Body, Clock, Cluster, NotFoundError
from policloud.reconcile.hub.rights import SITE_ACCOUNT

log = logging.getLogger(__name__)

_NOBODY: Final = SigningKey(b"\0" * 32).public  # verified against when there is no key, so that both take as long


@dataclass(frozen=True, slots=True, repr=False)
class Granted:
    """`seconds`: how long the token lives, counted from now."""

    token: str
    seconds: int


class Tokens:
    """Stateless but for the nonces; reads the membership anew each time, so a revocation holds at once."""

    def __init__(self, cluster: Cluster, clock: Clock, nonces: Nonces, *, hub_id: str, token_url: str) -> None:
        self._cluster = cluster
        self._clock = clock
        self._nonces = nonces
        self._hub_id = hub_id
        self._token_url = token_url

    def nonce(self, membership: str) -> Nonce:
        """For any well-formed name, known or not: asking tells nothing about who has joined."""
        return self._nonces.give(membership)

    async def authenticate(self, assertion: str) -> str:
        """The membership that asks.

        RefusalError 401 if this is not the pinned key's good assertion, 403 if the site is no longer accepted.
        """
        who = read_claimed(assertion)
        nonce = None if who is None or not valid_name(who.membership) else self._nonces.read(who.nonce, who.membership)
        if who is None or nonce is None:
            raise _not_known()
        membership = await self._membership(who.membership)
        self._authenticate(assertion, who.membership, nonce, membership)
        if membership is None or not (membership.get("spec") or {}).get("accepted", False):
            raise RefusalError(403, "access_denied", f"the hub no longer accepts {who.membership} (accepted: false)")
        return who.membership

    def _authenticate(self, assertion: str, name: str, nonce: Nonce, membership: Body | None) -> None:
        key = str(((membership or {}).get("spec") or {}).get("publicKey") or "")
        claims = verified_claims(assertion, key or _NOBODY)
        if claims is None or not key:
            raise _not_known()
        expected = Expected(name, self._hub_id, self._token_url, nonce.text, nonce.ends)
        wrong = check_claims(claims, expected, now=self._clock.now().timestamp())
        if wrong is None and not self._nonces.use(nonce):
            wrong = "the nonce was used before"
        if wrong is not None:
            log.warning("assertion of %s refused: %s", name, wrong)
            raise RefusalError(401, "invalid_client", f"the assertion is not good: {wrong}")

    async def _membership(self, site: str) -> Body | None:
        try:
            return await self._cluster.get(SITE_MEMBERSHIP, SITE_NAMESPACE_PREFIX + site, site)
        except NotFoundError as error:
            if error.missing_kind:
                raise
            return None

    async def grant(self, site: str) -> Granted:
        """A token for a site that has just authenticated."""
        namespace = SITE_NAMESPACE_PREFIX + site
        try:
            answer = await self._cluster.create_token(namespace, SITE_ACCOUNT, seconds=TOKEN_SECONDS, audiences=())
        except NotFoundError:
            raise RefusalError(
                503, "temporarily_unavailable", "the site's account on the hub is being made", retry_after=1
            ) from None
        seconds = min(TOKEN_SECONDS, int((answer.get("spec") or {}).get("expirationSeconds") or TOKEN_SECONDS))
        return Granted(str(answer["status"]["token"]), seconds)


def _not_known() -> RefusalError:
    """One text for no membership, no key, another key's signature, and a nonce that is not ours or has ended."""
    return RefusalError(
        401, "invalid_client", "the hub does not know this key for this membership, or the nonce is not good any more"
    )
