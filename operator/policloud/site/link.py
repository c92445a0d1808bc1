"""The site's line to its hub: dials out, joins once, stays logged in, follows offers, and never gets in the way.

Nothing local waits for it. It deletes nothing, here or there, because the hub is away, looks different, or is empty.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from policloud.adapters.kube.caching import StoringCluster
from policloud.adapters.kube.client import HttpCluster
from policloud.adapters.kube.connection import Connection, Token
from policloud.adapters.kube.reflector import Reflector
from policloud.adapters.kube.transport import ClientMetrics
from policloud.api.joinfile import JoinFile, JoinFileError, parse_join_file
from policloud.api.names import SITE_NAMESPACE_PREFIX
from policloud.api.resources import CONFIG_MAP, WORK_OFFER
from policloud.domain.federation.epoch import Echo, SiteStanding
from policloud.domain.federation.keys import SigningKey, fingerprint
from policloud.domain.federation.link import LinkReason, LinkState
from policloud.domain.federation.liveness import LivenessSettings
from policloud.ports import ApiError, Body, Clock, Cluster
from policloud.reconcile.pause import pause
from policloud.runtime.store import Store
from policloud.site.fault import LinkFaultError, fault_of, key_lost
from policloud.site.identity_client import IdentityClient
from policloud.site.lease import LeaseKeeper, duplicate, restored
from policloud.site.remembered import KEY_SECRET, Target, load_key, load_target, save_target

log = logging.getLogger(__name__)

HUB_OFFERS = f"hub/{WORK_OFFER}"
_POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class LinkSettings:
    """`namespace`: the site's system namespace. Waits are in seconds, scaled already (`liveness`, `longest_wait`)."""

    namespace: str
    join_file: Path | None = None
    proxy: str | None = None
    liveness: LivenessSettings = field(default_factory=LivenessSettings)
    longest_wait: float = 60.0
    instance: str = field(default_factory=lambda: str(uuid.uuid4()))


@dataclass(frozen=True, slots=True)
class _Line:
    target: Target
    http: HttpCluster
    reflector: Reflector


class HubLink:
    """Run `run` as a background task. `echo(hub)`: the highest numbers stored of that hub.

    `on_offer(body)` is called for every changed offer, and for all of them at each connection; `on_change()` when
    `state` has changed. Both only enqueue. `needs`: kinds of the store that must be listed before `echo` is true.
    """

    def __init__(
        self,
        local: Cluster,
        store: Store,
        clock: Clock,
        settings: LinkSettings,
        *,
        echo: Callable[[str], Echo],
        on_offer: Callable[[Body], None],
        on_change: Callable[[], None] = lambda: None,
        metrics: ClientMetrics | None = None,
        needs: tuple[str, ...] = (str(CONFIG_MAP),),
    ) -> None:
        self.state = LinkState()
        self.cluster: Cluster | None = None
        self._local = local
        self._store = store
        self._clock = clock
        self._settings = settings
        self._on_offer = on_offer
        self._on_change = on_change
        self._metrics = metrics
        self._needs = needs
        self._target: Target | None = None
        self._key: SigningKey | None = None
        self._keeper = LeaseKeeper(
            clock, settings.liveness, instance=settings.instance, echo=lambda: echo(self.state.hub_id)
        )
        self._rng = random.Random()  # noqa: S311 - spreads reconnects, guards nothing
        self._failures = 0
        self._line: _Line | None = None

    @property
    def namespace(self) -> str:
        """This site's namespace on the hub, empty while it has not joined."""
        return SITE_NAMESPACE_PREFIX + self._target.membership if self._target else ""

    def sign(self, prefix: bytes, message: bytes) -> str:
        """Sign with the site's key; RuntimeError before it is loaded."""
        if self._key is None:
            raise RuntimeError("the site's key is not loaded yet")
        return self._key.sign(prefix, message)

    async def run(self, stop: asyncio.Event) -> None:
        """Connect, and connect again, until `stop`."""
        try:
            await self._forever(stop)
        finally:
            if self._line is not None:
                await self._line.http.close()

    async def _forever(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                await self._connect(stop)
                fault = None
            except LinkFaultError as error:
                fault = self._explained(error)
            except ApiError as error:  # of the site's own API server: it comes back
                fault = LinkFaultError(LinkReason.CONNECTING, f"the site's own API server: {error.message}")
            finally:
                self.cluster = None
            if fault is not None and not stop.is_set():
                self._say(fault.reason, fault.message, restored=fault.reason is LinkReason.SITE_RESTORED)
                await pause(self._clock, stop, self._backoff(fault))

    # -- once

    async def _connect(self, stop: asyncio.Event) -> None:
        namespace = self._settings.namespace
        if self._target is None:
            self._target = await load_target(self._local, namespace)
        file = self._join_file()
        if self._target is None and file is None:
            self._say(LinkReason.STAND_ALONE, "")
            await stop.wait()
            return
        if self._key is None:
            self._key = await load_key(self._local, namespace)
        target, client = await self._enter(file, fingerprint(self._key.public))
        line = await self._line_to(target, client)
        await self._log_in(line, target, client, file)
        if target != self._target:
            await save_target(self._local, namespace, target)
            self._target = target
        if await self._remembers(stop):
            await self._session(stop, line)

    async def _remembers(self, stop: asyncio.Event) -> bool:
        """Wait for the journal: a site that echoes before it has read it would look restored. False if stopped."""
        while not stop.is_set():
            if self._store.synced(*self._needs):
                return True
            await pause(self._clock, stop, _POLL_SECONDS)
        return False

    def _join_file(self) -> JoinFile | None:
        path = self._settings.join_file
        if path is None:
            return None
        try:
            return parse_join_file(path.read_text())
        except (OSError, UnicodeDecodeError, JoinFileError) as error:
            if self._target is not None:
                return None  # joined already: the file has served
            raise LinkFaultError(LinkReason.JOIN_FILE_INVALID, f"{path}: {error}") from error

    async def _enter(self, file: JoinFile | None, key: str) -> tuple[Target, IdentityClient]:
        """Where to log in: the hub joined before, at the newest address known; or join now."""
        known = self._target
        if known is not None and file is not None:
            if (file.hub.id, file.membership) == (known.hub.id, known.membership):
                known = Target(file.hub, file.membership)  # addresses or CA may have changed
            else:
                log.warning(
                    "the join file is for %s at hub %s, but this site has joined %s as %s and stays there; to move it, "
                    "delete ConfigMap policloud-hub-link when nothing of the old hub runs here any more",
                    *(file.membership, file.hub.id, known.hub.id, known.membership),
                )
        target = known or Target(file.hub, file.membership) if file is not None else known
        assert target is not None and self._key is not None  # noqa: S101, PT018 - one of the two was given
        target = replace(target, key=key)
        self.state = LinkState(self.state.reason, self.state.message, target.hub.id, target.membership)
        client = IdentityClient(target.hub, self._key, proxy=self._settings.proxy)
        if known is None and file is not None:
            await client.join(file)
            log.info("joined hub %s as %s", target.hub.id, target.membership)
        return target, client

    async def _line_to(self, target: Target, client: IdentityClient) -> _Line:
        """One client and one reflector for as long as the hub's address stays: they outlive broken connections."""
        if self._line is not None and self._line.target == target:
            return self._line
        if self._line is not None:
            await self._line.http.close()

        async def provide() -> Token:
            token = await client.token(target.membership)
            life = token.valid_for or 0.0
            return Token(token.value, life * (0.9 + 0.1 * self._rng.random()))  # spread: not all sites at one moment

        connection = Connection(target.hub.api, target.hub.ca, provide, proxy=self._settings.proxy)
        http = HttpCluster(connection, metrics=self._metrics, user_agent="policloud-site")
        reflector = Reflector(
            http,
            WORK_OFFER,
            SITE_NAMESPACE_PREFIX + target.membership,
            store=self._store,
            kind=HUB_OFFERS,
            on_change=self._offer,
            longest_wait=self._settings.liveness.renew,
        )
        self._line = _Line(target, http, reflector)
        return self._line

    async def _log_in(self, line: _Line, target: Target, client: IdentityClient, file: JoinFile | None) -> None:
        """Have a token; a site that the hub does not know may hold a new invitation."""
        try:
            await line.http.connection.token()
        except LinkFaultError as fault:
            again = file is not None and (file.hub.id, file.membership) == (target.hub.id, target.membership)
            if fault.reason is not LinkReason.CREDENTIAL_REFUSED or not again or file is None:
                raise
            try:
                await client.join(file)
                await line.http.connection.token()
            except LinkFaultError:
                raise fault from None

    def _explained(self, fault: LinkFaultError) -> LinkFaultError:
        """A hub that does not know this key: is it because the key is not the one it was joined with?"""
        joined = self._target
        if fault.reason is not LinkReason.CREDENTIAL_REFUSED or joined is None or self._key is None:
            return fault
        own = fingerprint(self._key.public)
        if joined.key in ("", own):
            return fault
        secret = f"{self._settings.namespace}/{KEY_SECRET}"
        return key_lost(joined.hub.id, joined.membership, secret=secret, old=joined.key, new=own)

    async def _session(self, stop: asyncio.Event, line: _Line) -> None:
        try:
            lease = await self._take(stop, line.http)
            if lease is not None:
                await self._stay(stop, line, lease)
        except LinkFaultError:
            raise
        except ApiError as error:
            raise fault_of(error, line.target.hub.id) from error
        finally:
            self.cluster = None

    async def _take(self, stop: asyncio.Event, http: Cluster) -> Body | None:
        """Hold the Lease; waits while a predecessor may still live. None if told to stop."""
        while not stop.is_set():
            standing, lease = await self._keeper.look(http, self.namespace)
            if standing is SiteStanding.MINE:
                return await self._keeper.renew_or_find_out(http, self.namespace, lease)
            if standing is SiteStanding.RESTORED:
                raise restored()
            if standing is SiteStanding.DUPLICATE:
                raise duplicate(self.namespace)
            self._say(
                LinkReason.AWAITING_PREDECESSOR,
                f"an earlier process of this site held the Lease; it is taken over after {self._keeper.patience:.0f} s "
                "without a sign of it",
            )
            await pause(self._clock, stop, self._settings.liveness.renew / 5)
        return None

    async def _stay(self, stop: asyncio.Event, line: _Line, lease: Body) -> None:
        """Connected: follow offers and renew until the line breaks or `stop`."""
        self.cluster = StoringCluster(line.http, self._store, prefix="hub/")
        self._failures = 0
        self._say(LinkReason.CONNECTED, "", connected=True)
        ended = asyncio.Event()
        following = asyncio.create_task(line.reflector.run(ended), name="hub-offers")
        line.reflector.feed.touch_all(self._offer)
        try:
            lease = await self._renewals(stop, line.http, lease, following)
            with contextlib.suppress(ApiError, TimeoutError):
                async with asyncio.timeout(2.0):
                    await self._keeper.release(line.http, lease)
        finally:
            ended.set()
            await asyncio.gather(following, return_exceptions=True)

    async def _renewals(self, stop: asyncio.Event, http: Cluster, lease: Body, following: asyncio.Task[None]) -> Body:
        """Renew until `stop`. One lost renewal is tried again soon; two in a row are a broken line."""
        lost = False
        renew = self._settings.liveness.renew
        while True:
            await pause(self._clock, stop, renew / 4 if lost else self._keeper.next_renewal())
            if stop.is_set():
                return lease
            if following.done():
                following.result()
            try:
                async with asyncio.timeout(renew):
                    lease = await self._keeper.renew_or_find_out(http, self.namespace, lease)
                lost = False
            except (ApiError, TimeoutError) as error:
                fault = _fault(error, self.state.hub_id)
                if lost or fault.reason is not LinkReason.HUB_UNREACHABLE:
                    raise fault from error
                lost = True

    def _offer(self, body: Body) -> None:
        if self.cluster is not None:
            self._on_offer(body)

    # -- telling

    def _say(self, reason: LinkReason, message: str, *, connected: bool = False, restored: bool = False) -> None:
        target = self._target
        state = LinkState(
            reason=reason,
            message=message,
            hub_id=target.hub.id if target else self.state.hub_id,
            membership=target.membership if target else self.state.membership,
            connected=connected,
            restored=restored,
            last_contact=self._clock.now() if connected or self.state.connected else self.state.last_contact,
        )
        same = (state.reason, state.connected) == (self.state.reason, self.state.connected)
        if same and (state.message == self.state.message or reason in _DETAILED):
            return
        self.state = state
        (log.info if connected or reason in _QUIET else log.warning)("hub link: %s %s", reason, message)
        self._on_change()

    def _backoff(self, fault: LinkFaultError) -> float:
        """Doubling from half a second, at most `longest_wait`, never all sites at one moment."""
        self._failures += 1
        wait = min(self._settings.longest_wait, 0.5 * 2.0 ** min(self._failures - 1, 10))
        if fault.reason is LinkReason.DUPLICATE_IDENTITY:
            wait = self._settings.liveness.renew / 3
        wait *= 0.5 + 0.5 * self._rng.random()
        return max(wait, min(fault.retry_after or 0.0, self._settings.longest_wait))


_DETAILED = (LinkReason.HUB_UNREACHABLE, LinkReason.HUB_FAILING)  # each try fails in other words: no news
_QUIET = (LinkReason.STAND_ALONE, LinkReason.CONNECTING, LinkReason.AWAITING_PREDECESSOR)


def _fault(error: ApiError | TimeoutError, hub: str) -> LinkFaultError:
    if isinstance(error, ApiError):
        return fault_of(error, hub)
    return LinkFaultError(LinkReason.HUB_UNREACHABLE, f"hub {hub} does not answer in time; everything here goes on")
