"""From an offset in a scalar's text to the line and column where it was written.

The text of a scalar is not what stands in the file: quotes, escapes, folding and
indentation are gone. Rules: plain, quoted and literal text gets the exact column; where
escapes span several lines the place degrades to the start of the scalar, never to a
wrong line.
"""

from __future__ import annotations

import re

from keyplan.config.tree import ScalarNode
from keyplan.diagnostics import Position

_ESCAPE_LENGTH = {"x": 4, "u": 6, "U": 10}
_BLOCK_HEADER = re.compile(r"[|>][-+0-9]*\s*(?:#.*)?")


def locate(node: ScalarNode, start: int, end: int = 0) -> Position:
    """The place of `node.text[start:end]`. With `end` 0 or on another line, only the start."""
    line, column = _place_of(node, start)
    if end <= start:
        return Position(node.file.name, line, column)
    last_line, last_column = _place_of(node, end - 1)
    return Position(
        node.file.name, line, column, last_column + 1 if last_line == line >= node.line else 0
    )


def _place_of(node: ScalarNode, offset: int) -> tuple[int, int]:
    rest = node.file.line(node.line)[node.column - 1 :]
    if not node.quoted:
        if rest.startswith(node.text):
            return node.line, node.column + offset
        return _aligned(node, node.line, node.column - 1, offset)
    if rest[:1] in ("'", '"'):
        column = _in_quotes(rest, offset)
        if column is not None and "\n" not in node.text[:offset]:
            return node.line, node.column + column
        return _aligned(node, node.line, node.column, offset)
    if _BLOCK_HEADER.match(rest):
        return _aligned(node, node.line + 1, 0, offset)
    return node.line, node.column


def _in_quotes(rest: str, offset: int) -> int | None:
    """How many characters of a quoted scalar's first line stand before a text offset."""
    quote = rest[0]
    column = 1
    for _ in range(offset):
        if column >= len(rest):
            return None
        if quote == "'" and rest[column] == "'":
            if rest[column : column + 2] != "''":
                return None
            column += 2
        elif quote == '"' and rest[column] == "\\":
            column += _ESCAPE_LENGTH.get(rest[column + 1 : column + 2], 2)
        else:
            column += 1
    return column


def _aligned(node: ScalarNode, first_line: int, skip: int, offset: int) -> tuple[int, int]:
    """Walk source lines and text together, ignoring white space between lines.

    Each source line's content must be the next stretch of the text; if it is not
    (escapes), the answer is the scalar's start.
    """
    text = node.text
    reached = 0
    for number in range(first_line, len(node.file.lines) + 1):
        line = node.file.line(number)
        visible = line[skip:] if number == first_line else line
        content = visible.strip()
        begins = len(line) - len(visible) + len(visible) - len(visible.lstrip())
        if not content:
            continue
        while reached < len(text) and text[reached] in " \n\t":
            reached += 1
        length = len(content)
        if not text.startswith(content, reached):
            length = len(text) - reached  # the last line, which may end in a quote
            if not length or not content.startswith(text[reached:]):
                break
        if offset <= reached + length:
            return number, begins + 1 + max(offset - reached, 0)
        reached += length
    return node.line, node.column
