"""Plain references and literals, read without any parser.

Nearly every expression of a stack is one (`var.tenants`, `key.master["prod"]`,
`each.key`, `true`), so they are worth reading at a tenth of a parser's cost. Rule:
what this file accepts means the same to the parser; in doubt it answers `None`.
"""

from __future__ import annotations

import re
from typing import TypeAlias

from keyplan.config.engine.reading import Attribute, Item, Literal, Local, Name
from keyplan.config.engine.run import Expression
from keyplan.model.address import quote

Path: TypeAlias = tuple[str, ...]

ANY_INDEX = "[*]"
"""How an index that is not a constant stands in a reference's path."""

RESERVED = frozenset(
    {"and", "elif", "else", "for", "if", "in", "is", "loop", "not", "null", "self"}
    | {"true", "false", "none", "True", "False", "None"}
)
"""Words that are not names: operators, literals, and habits from elsewhere."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_STEP = re.compile(
    r"\.(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|\[(?:\"(?P<text>[^\"\\$\n]*)\"|(?P<number>[0-9]{1,9})|(?P<inner>[a-z_][a-z0-9_.]*))\]"
)
_LITERALS: dict[str, bool | None] = {"true": True, "false": False, "none": None}
_NUMBER = re.compile(r"[0-9]{1,15}")
_STRING = re.compile(r"\"([^\"\\$\n]*)\"|'([^'\\$\n]*)'")


def read_plain(
    text: str, base: int, bound: frozenset[str]
) -> tuple[Expression, tuple[Path, ...]] | None:
    """A plain reference or literal with what it refers to, or `None` if it is neither.

    `base` is the offset of `text` in the scalar; `bound` are names of loops around it.
    """
    stripped = text.strip()
    start = base + len(text) - len(text.lstrip())
    if stripped in _LITERALS:
        return Literal(start, start + len(stripped), _LITERALS[stripped]), ()
    if found := _STRING.fullmatch(stripped):
        value = found[1] if found[1] is not None else found[2]
        return Literal(start, start + len(stripped), value), ()
    if _NUMBER.fullmatch(stripped):
        return Literal(start, start + len(stripped), int(stripped)), ()
    return _read_path(stripped, start, bound)


def _read_path(
    text: str, start: int, bound: frozenset[str]
) -> tuple[Expression, tuple[Path, ...]] | None:
    head = _NAME.match(text)
    if head is None or head[0] in RESERVED:
        return None
    name = head[0]
    local = name in bound
    end = start + head.end()
    node: Expression = Local(start, end, name) if local else Name(start, end, name)
    path = [name]
    others: tuple[Path, ...] = ()
    position = head.end()
    while position < len(text):
        step = _STEP.match(text, position)
        if step is None:
            return None
        end = start + step.end()
        key: Expression
        if (attribute := step["name"]) is not None:
            node = Attribute(start, end, node, attribute)
            path.append(attribute)
        else:
            at = start + position + 1
            if (constant := step["text"]) is not None:
                key = Literal(at, end - 1, constant)
                path.append(f"[{quote(constant)}]")
            elif (number := step["number"]) is not None:
                key = Literal(at, end - 1, int(number))
                path.append(f"[{int(number)}]")
            else:
                inner = _read_path(step["inner"], at, bound)
                if inner is None:
                    return None
                key, more = inner
                others += more
                path.append(ANY_INDEX)
            node = Item(start, end, node, key)
        position = step.end()
    return node, others if local else (tuple(path), *others)
