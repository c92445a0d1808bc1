"""Few combinations that hold every choice of any `strength` factors together."""

from __future__ import annotations

import itertools
import random
from collections.abc import Mapping, Sequence

Row = dict[str, str]


def covering(factors: Mapping[str, Sequence[str]], *, strength: int, at_least: int = 1, seed: int = 1) -> list[Row]:
    """Greedy: each row takes the best of some random completions of a choice that is still missing.

    `at_least` so many rows: more than are needed for `strength` hold most choices of one factor more.
    """
    rng = random.Random(seed)  # noqa: S311 - the same rows each time
    missing = {
        tuple(zip(names, choice, strict=True))
        for names in itertools.combinations(factors, strength)
        for choice in itertools.product(*(factors[name] for name in names))
    }
    rows: list[Row] = []
    while missing:
        start = dict(min(missing))
        candidates = [{name: start.get(name) or rng.choice(factors[name]) for name in factors} for _ in range(20)]
        row = max(candidates, key=lambda candidate: len(covered(candidate, strength) & missing))
        missing -= covered(row, strength)
        rows.append(row)
    rows += [{name: rng.choice(choices) for name, choices in factors.items()} for _ in range(at_least - len(rows))]
    return rows


def covered(row: Row, strength: int) -> set[tuple[tuple[str, str], ...]]:
    """Every choice of `strength` factors that the row holds."""
    return set(itertools.combinations(row.items(), strength))
