"""The law of each class of workloads against every unit, judged once for each set of facts that the law looks at.

A law without a rule on owners gives one verdict for all units that differ only in their owners, and so on: rules
pick the facts, equal facts share the evaluation.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from datetime import date

from policloud.domain.placement.blockers import Blocker, as_verdict
from policloud.domain.placement.model import UnitVerdict, UnitView
from policloud.domain.sovereignty.evaluate import evaluate
from policloud.domain.sovereignty.model import SovereigntyRules, UnitFacts

_ASPECTS = ("place", "operator", "ownership", "certifications", "exposures", "encryption", "egress")


class LawRow:
    """One law against every unit: blockers by index, and the verdict where there are any, made when first asked for."""

    def __init__(self, units: Sequence[UnitView], blockers: tuple[tuple[Blocker, ...], ...]) -> None:
        self.blockers = blockers
        self._units = units
        self._verdicts: dict[int, UnitVerdict] = {}

    def verdict(self, index: int) -> UnitVerdict:
        """The verdict of a unit that breaks the law; shared by all workloads under it."""
        known = self._verdicts.get(index)
        if known is None:
            known = self._verdicts[index] = as_verdict(self._units[index], self.blockers[index][0])
        return known


class Laws:
    """The rows of one snapshot, by law and last day."""

    def __init__(self, units: Sequence[UnitView], today: date) -> None:
        self._units = units
        self._today = today
        self._rows: dict[tuple[SovereigntyRules, date | None], LawRow] = {}
        numbers: dict[tuple[str, Hashable], int] = {}
        self._aspects = [
            {
                aspect: numbers.setdefault((aspect, value), len(numbers))
                for aspect, value in zip(_ASPECTS, _values(unit.facts), strict=True)
            }
            for unit in units
        ]

    def row(self, rules: SovereigntyRules, until: date | None) -> LawRow:
        """The row of a law that must hold through `until`."""
        key = (rules, until)
        row = self._rows.get(key)
        if row is None:
            row = self._rows[key] = LawRow(self._units, self._judge(rules, until))
        return row

    def _judge(self, rules: SovereigntyRules, until: date | None) -> tuple[tuple[Blocker, ...], ...]:
        needed = [aspect for aspect, used in zip(_ASPECTS, _used(rules), strict=True) if used]
        known: dict[tuple[int, ...], tuple[Blocker, ...]] = {}
        row = []
        for unit, aspects in zip(self._units, self._aspects, strict=True):
            key = tuple([aspects[a] for a in needed])
            found = known.get(key)
            if found is None:
                breaches = evaluate(rules, unit.facts, today=self._today, until=until).breaches
                found = known[key] = tuple(Blocker(b.reason, b.measured, b.required, b.margin) for b in breaches)
            row.append(found)
        return tuple(row)


def _values(facts: UnitFacts) -> tuple[Hashable, ...]:
    """The facts by aspect, in the order of _ASPECTS."""
    return (
        (facts.country, facts.subdivision),
        facts.operator_jurisdiction,
        facts.ownership,
        facts.certifications,
        facts.exposures,
        facts.encrypted_at_rest,
        facts.network_policy_enforced,
    )


def _used(rules: SovereigntyRules) -> tuple[bool, ...]:
    """Whether the law looks at each aspect, in the order of _ASPECTS."""
    return (
        _looks_at_place(rules),
        rules.operator_allow is not None or bool(rules.operator_deny),
        rules.ownership_allow is not None,
        bool(rules.certifications),
        bool(rules.exposures_deny),
        rules.encrypted_at_rest,
        rules.egress_denied,
    )


def _looks_at_place(rules: SovereigntyRules) -> bool:
    allowed = (rules.location_allow, rules.residency)
    return any(codes is not None for codes in allowed) or bool(rules.location_deny or rules.volume_residency)
