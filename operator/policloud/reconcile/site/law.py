"""The law, looked at again: on every change and every day. What became unlawful drains by its notice, then stops.

No place to go is no reason to stay. A certificate that ends on a known day is drained so that work has stopped when
the day is over.
"""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta

from policloud.api.convert import facts_on_site, rules_of
from policloud.domain.reasons import WorkloadReason
from policloud.domain.sovereignty.evaluate import evaluate
from policloud.domain.sovereignty.model import Evaluation
from policloud.reconcile.site.draft import Draft, Entry, Why
from policloud.reconcile.site.placements import DRAINING, PENDING, SUSPENDED, Placement
from policloud.reconcile.site.specs import UnitSpec, WorkloadSpec, parse_time


class Law:
    """Evaluates placements; remembers verdicts by version and day. `notice`: seconds where none is stated."""

    def __init__(self, notice: float) -> None:
        self._notice = notice
        self._known: dict[tuple[str, int, str, int, str], Evaluation] = {}

    def apply(self, draft: Draft) -> None:
        """Puts placements that may not go on to Draining, and ends those whose notice is over."""
        for entry in draft.entries.values():
            for unit, placement in [*entry.placed.items()]:
                if placement.replicas or placement.state == DRAINING:
                    self._judge(draft, entry, unit, placement)

    def evaluate(self, workload: WorkloadSpec, unit: UnitSpec, now: datetime) -> Evaluation:
        """Breaches today, and the last day on which there are none."""
        today = now.astimezone(UTC).date()
        key = (workload.uid, workload.generation, unit.uid, unit.generation, today.isoformat())
        if key not in self._known:
            if len(self._known) > 10_000:  # noqa: PLR2004 - a bound on memory, days pass
                self._known.clear()
            spec = workload.body["spec"]
            self._known[key] = evaluate(rules_of(spec), facts_on_site(unit.body), today=today)
        return self._known[key]

    def leaving(self, workload: WorkloadSpec, unit: UnitSpec, now: datetime) -> tuple[Why, datetime] | None:
        """Why the workload may not stay on the unit, and when at the latest it must be gone; None if it may."""
        notice = timedelta(seconds=self.notice_seconds(workload))
        if unit.deleting:
            message = f"unit {unit.name} is being deleted; the work leaves it within {notice.total_seconds():g} s"
            return Why(WorkloadReason.DRAINING, message), now + notice
        verdict = self.evaluate(workload, unit, now)
        if not verdict.lawful:
            breach = verdict.breaches[0]
            message = f"{breach.reason} on {unit.name}: {breach.measured}; required: {breach.required}"
            return Why(WorkloadReason.LAW_BROKEN, message), now + notice
        if verdict.holds_until is None:
            return None
        end = datetime.combine(verdict.holds_until, time.max, UTC)
        if now < end - notice:
            return None
        message = f"the law holds on {unit.name} only until {verdict.holds_until}: stopped by then"
        return Why(WorkloadReason.LAW_BROKEN, message), end

    def notice_seconds(self, workload: WorkloadSpec) -> float:
        """Stated by the workload: of the law, else of its checkpoint; else the site's default."""
        law = workload.body["spec"].get("sovereignty") or {}
        checkpoint = workload.block.get("checkpoint") or {}
        stated = law.get("drainNoticeSeconds", checkpoint.get("noticeSeconds"))
        return self._notice if stated is None else float(stated)

    def _judge(self, draft: Draft, entry: Entry, unit_name: str, placement: Placement) -> None:
        state = draft.capacity.units.get(unit_name)
        if state is None:
            self._end(entry, unit_name, placement, draft.stamp)
            entry.why = Why(WorkloadReason.DRAINING, f"unit {unit_name} is gone from this site")
            return
        left = self.leaving(entry.spec, state.spec, draft.now)
        if left is None:
            if placement.state == DRAINING:
                back = PENDING if placement.replicas else SUSPENDED
                entry.placed[unit_name] = placement.to(placement.replicas, back, draft.stamp)
            return
        entry.why, latest = left
        if placement.state != DRAINING:
            placement = placement.to(placement.replicas, DRAINING, draft.stamp)
            entry.placed[unit_name] = placement
        begun = parse_time(placement.since) or draft.now
        until = min(latest, begun + timedelta(seconds=self.notice_seconds(entry.spec)))
        if draft.now >= until or not placement.replicas:
            self._end(entry, unit_name, placement, draft.stamp)
        else:
            draft.wake_in((until - draft.now).total_seconds())

    @staticmethod
    def _end(entry: Entry, unit: str, placement: Placement, now: str) -> None:
        """Local work loses the place; federated work keeps it in name, for its hub to be told what became of it."""
        if entry.offer_unit is None:
            del entry.placed[unit]
        else:
            entry.placed[unit] = placement.to(0, DRAINING, now)
