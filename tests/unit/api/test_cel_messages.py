"""Message expressions in the form whose cost the API server can bound; the same words, whatever the form."""

from __future__ import annotations

import pytest

from policloud.api.v1alpha1.cel import formatted

CASES = [
    ("'fixed'", "'fixed'"),
    ("'at most ' + string(self.n)", "'at most %s'.format([self.n])"),
    ("'from ' + self.a + ' to ' + self.b", "'from %s to %s'.format([self.a, self.b])"),
    ("'100% of ' + string(self.n)", "'100%% of %s'.format([self.n])"),
    ("self.n + 1", "self.n + 1"),
    ("has(self.a) ? 'a ' + self.a : 'none'", "has(self.a) ? 'a %s'.format([self.a]) : 'none'"),
    ("'x' + (has(self.a) ? ', ' + self.a : '')", "'x%s'.format([(has(self.a) ? ', %s'.format([self.a]) : '')])"),
    ("'[' + self.l.join(', ') + ']'", "'[%s]'.format([self.l.join(', ')])"),
    (
        "'not [' + ((has(self.a) ? ['a'] : []) + (has(self.b) ? ['b'] : [])).join(', ') + '].'",
        "'not %s.'.format([((has(self.a) ? ['a'] : []) + (has(self.b) ? ['b'] : []))])",
    ),
    (
        "'too much: ' + self.l.map(b, b.name + ' has ' + string(b.n)).join(', ')",
        "'too much: %s'.format([self.l.map(b, '%s has %s'.format([b.name, b.n]))])",
    ),
    ("'in ' + {'A': 'a', 'B': 'b'}[self.k]", "'in %s'.format([{'A': 'a', 'B': 'b'}[self.k]])"),
]


@pytest.mark.parametrize(("written", "expected"), CASES, ids=[c[0][:30] for c in CASES])
def test_a_chain_becomes_one_format(written: str, expected: str) -> None:
    assert formatted(written) == expected


def test_unbalanced_brackets_are_named() -> None:
    with pytest.raises(ValueError, match="unbalanced brackets"):
        formatted("'x' + f(self.a")
