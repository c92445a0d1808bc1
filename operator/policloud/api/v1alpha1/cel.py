"""Message expressions that the API server's cost estimate lets in.

It takes the length of `string(number)` and of a joined list built by `+` for unbounded, so a chain such as
`'at most ' + string(self.n)` exceeds its budget. `'at most %s'.format([self.n])` says the same and costs nothing. The
models are written in the readable form; this turns them into the other one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_OPEN, _CLOSE = "([{", ")]}"
_STRING = re.compile(r"string\((.*)\)", re.DOTALL)
_JOIN = re.compile(r"(.*)\.join\('[^']*'\)", re.DOTALL)


def formatted(expression: str) -> str:
    """The same text as one `format` for each chain of `+` that begins with a text."""
    if (choice := _ternary(expression)) is not None:
        condition, yes, no = choice
        return f"{condition} ? {formatted(yes)} : {formatted(no)}"
    operands = _split(expression, "+")
    if len(operands) == 1 or not any(_is_text(o) for o in operands):
        return _inside(expression)
    template = ""
    arguments: list[str] = []
    for operand in operands:
        if _is_text(operand):
            text = operand[1:-1].replace("%", "%%")
            listed = bool(arguments) and template.endswith("[%s") and text.startswith("]")
            template = f"{template[:-3]}%s{text[1:]}" if listed and _is_list(arguments[-1]) else template + text
        else:
            arguments.append(_argument(operand))
            template += "%s"
    return f"'{template}'.format([{', '.join(arguments)}])"


def _argument(operand: str) -> str:
    """Without `string(…)`, which format does by itself; without `.join` where its cost has no bound."""
    if (found := _STRING.fullmatch(operand)) and _balanced(found[1]):
        operand = found[1]
    if (found := _JOIN.fullmatch(operand)) and _is_list(found[1]):
        operand = found[1]
    inner = _outer(operand)
    return f"({formatted(inner)})" if inner is not None and _ternary(inner) is not None else _inside(operand)


def _is_list(argument: str) -> bool:
    """Made on the way, so of unknown length to the estimate; format prints it with brackets and commas."""
    return "] : [" in argument or "[] : " in argument or "] : []" in argument or ".map(" in argument


def _inside(expression: str) -> str:
    """The arguments of calls and the contents of brackets, each formatted on its own."""
    out, i = "", 0
    while i < len(expression):
        if expression[i] in "'\"":
            end = expression.index(expression[i], i + 1) + 1
            out, i = out + expression[i:end], end
        elif expression[i] == "(":
            end = _closing(expression, i)
            out += "(" + ", ".join(formatted(a.strip()) for a in _split(expression[i + 1 : end], ",")) + ")"
            i = end + 1
        else:
            out, i = out + expression[i], i + 1
    return out


def _ternary(expression: str) -> tuple[str, str, str] | None:
    """(condition, then, else) if the whole is a choice."""
    head = _split(expression, "?")
    if len(head) == 1:
        return None
    rest = expression[expression.index("?", len(head[0])) + 1 :]
    branches = _split(rest, ":")
    return head[0].strip(), branches[0].strip(), rest[rest.index(":", len(branches[0])) + 1 :].strip()


def _split(expression: str, separator: str) -> list[str]:
    """At `separator` outside of brackets and texts."""
    parts, begin = [], 0
    for i in _top(expression):
        if expression[i] == separator:
            parts.append(expression[begin:i].strip())
            begin = i + 1
    return [*parts, expression[begin:].strip()]


def _top(expression: str) -> Iterator[int]:
    """Positions outside of brackets and texts."""
    i = 0
    while i < len(expression):
        if expression[i] in "'\"":
            i = expression.index(expression[i], i + 1)
        elif expression[i] in _OPEN:
            i = _closing(expression, i)
        else:
            yield i
        i += 1


def _closing(expression: str, opening: int) -> int:
    depth, i = 0, opening
    while i < len(expression):
        if expression[i] in "'\"":
            i = expression.index(expression[i], i + 1)
        elif expression[i] in _OPEN:
            depth += 1
        elif expression[i] in _CLOSE:
            depth -= 1
            if depth == 0:
                return i
        i += 1
    raise ValueError(f"unbalanced brackets in {expression!r}")


def _outer(expression: str) -> str | None:
    """What one pair of round brackets holds, if it holds all."""
    if expression.startswith("(") and _closing(expression, 0) == len(expression) - 1:
        return expression[1:-1]
    return None


def _balanced(expression: str) -> bool:
    return _outer(f"({expression})") is not None


def _is_text(operand: str) -> bool:
    return len(operand) > 1 and operand[0] == operand[-1] == "'" and "'" not in operand[1:-1]
