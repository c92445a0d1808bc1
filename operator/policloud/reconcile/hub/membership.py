"""One SiteMembership: a site's rights on the hub follow it, and its status says how the site stands."""

from __future__ import annotations

from typing import Final

from policloud.api.names import HUB_MANAGER
from policloud.api.resources import SITE_MEMBERSHIP
from policloud.domain.conditions import Condition, merge
from policloud.ports import Body, Clock, Cluster, NotFoundError, Recorder
from policloud.reconcile.hub.echo import EchoCheck
from policloud.reconcile.hub.membership_status import conditions_of, invited_until, last_seen, status_of
from policloud.reconcile.hub.rights import Rights
from policloud.reconcile.hub.sites import Sites, site_of
from policloud.runtime.outcome import Done, Outcome, RequeueAfter
from policloud.runtime.store import Key, Store

_CODE_CHECK_SECONDS: Final = 3600.0


class MembershipReconciler:
    """Key: (namespace, name) of a SiteMembership. Writes on transitions only; an idle hub writes nothing here."""

    def __init__(
        self, cluster: Cluster, store: Store, *, sites: Sites, clock: Clock, recorder: Recorder, echo: EchoCheck
    ) -> None:
        self._cluster = cluster
        self._store = store
        self._sites = sites
        self._clock = clock
        self._recorder = recorder
        self._echo = echo
        self._rights = Rights(cluster, clock, sites.settings)

    async def reconcile(self, key: Key) -> Outcome:
        """ApiErrors pass: the wrapper makes retries of them."""
        namespace, name = key
        body = self._store.get(str(SITE_MEMBERSHIP), key)
        if body is None:
            return await self._gone(key)
        if site_of(namespace) != name:
            await self._write(body, (_misplaced(name),))
            return Done()
        state = self._sites.state(name)
        codes_left = await self._rights.follow(state)
        await self._echo.check(name)
        now = self._clock.now()
        await self._write(body, conditions_of(state, body, restored=name in self._sites.restored, now=now))
        invited = invited_until(body)
        if invited is not None and now < invited and not state.joined:
            return RequeueAfter((invited - now).total_seconds() + 1, "the invitation expires")
        return RequeueAfter(_CODE_CHECK_SECONDS, "an open invitation expires") if codes_left else Done()

    async def _gone(self, key: Key) -> Outcome:
        """Only a server that says 404 for a kind it knows has deleted it: then trust ends, and nothing else."""
        namespace, name = key
        if site_of(namespace) != name:
            return Done()
        try:
            await self._cluster.get(SITE_MEMBERSHIP, namespace, name)
        except NotFoundError as error:
            if not error.missing_kind:
                await self._rights.withdraw(name)
        return Done()

    async def _write(self, body: Body, wanted: tuple[Condition, ...]) -> None:
        namespace, name = body["metadata"]["namespace"], body["metadata"]["name"]
        now = self._clock.now()
        existing = body.get("status") or {}
        conditions = merge(
            existing.get("conditions") or [],
            wanted,
            generation=int(body["metadata"].get("generation") or 0),
            now=now.isoformat(timespec="seconds").replace("+00:00", "Z"),
        )
        units = self._sites.units(name)
        if conditions == existing.get("conditions") and units == existing.get("units", 0):
            return
        seen = last_seen(existing, conditions, now, self._sites.last_heard(name))
        status = status_of(existing, conditions, self._sites.echo(name), now=now, seen=seen, units=units)
        status["observedGeneration"] = body["metadata"].get("generation", 0)
        written = {
            "apiVersion": SITE_MEMBERSHIP.api_version,
            "kind": SITE_MEMBERSHIP.kind,
            "metadata": {"name": name, "namespace": namespace},
            "status": status,
        }
        await self._cluster.apply_status(SITE_MEMBERSHIP, written, manager=HUB_MANAGER)
        self._tell(body, existing.get("conditions") or [], wanted)

    def _tell(self, body: Body, before: list[dict[str, object]], wanted: tuple[Condition, ...]) -> None:
        was = {c.get("type"): c.get("status") for c in before}
        for condition in wanted:
            if condition.type in ("Joined", "Reachable", "EchoConsistent") and was.get(condition.type) not in (
                None,
                "Unknown",
                condition.status,
            ):
                kind = "Normal" if condition.is_true else "Warning"
                self._recorder.event(body, type_=kind, reason=condition.reason, message=condition.message)  # type: ignore[arg-type]


def _misplaced(name: str) -> Condition:
    return Condition(
        "Ready", "False", "WrongNamespace", f"a SiteMembership named {name} must lie in namespace site-{name}"
    )
