"""Label selectors, judged here as an API server judges them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from policloud.ports import Body, RejectedError

_TERM = re.compile(r"\s*((?:[^,()]|\([^)]*\))+)\s*(?:,|$)")
_SET = re.compile(r"^(\S+)\s+(in|notin)\s+\(([^)]*)\)$")

_Test = Callable[[Mapping[str, str]], bool]


def label_matcher(selector: str | None) -> Callable[[Body], bool]:
    """A test of a body's labels against "a=b,c!=d,e in (x,y),f,!g" (none: all pass). RejectedError if unreadable."""
    tests = [_test(m.group(1).strip()) for m in _TERM.finditer(selector or "") if m.group(1).strip()]
    return lambda body: all(test(body["metadata"].get("labels") or {}) for test in tests)


def _test(term: str) -> _Test:
    if found := _SET.match(term):
        key, operator, listed = found.groups()
        values = {v.strip() for v in listed.split(",")}
        return lambda labels: (labels.get(key) in values) is (operator == "in")
    for sign, equal in (("!=", False), ("==", True), ("=", True)):
        if sign in term:
            return _equality(term, sign, equal=equal)
    if term.startswith("!"):
        return lambda labels: term[1:].strip() not in labels
    if " " in term:
        raise RejectedError(f"unable to parse requirement: {term!r}", status=400)
    return lambda labels: term in labels


def _equality(term: str, sign: str, *, equal: bool) -> _Test:
    key, value = (part.strip() for part in term.split(sign, 1))
    return lambda labels: (labels.get(key) == value) is equal
