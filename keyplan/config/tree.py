"""Stage 2: one file's text as light nodes with positions.

Rules: nodes are built from the parser's events, never composed, and nothing recurses:
text that is nested too deeply is refused while it is read (composing it would crash
the process). Scalars are not resolved: a node has the text as written and whether it
was quoted; the field decides what it means. Tags, merge keys, keys that are not text,
duplicate keys, a second document and excessive alias expansion are reported with their
place, and reading goes on, so that one run reports them all.
"""

from __future__ import annotations

import re
from typing import TypeAlias

from keyplan.config.source import SourceFile
from keyplan.diagnostics import Diagnostics, Position

MAX_DEPTH = 100
"""Levels of nesting; deeper text is refused while it is read."""

MAX_ALIASED = 100_000
"""Nodes that a file's aliases may repeat altogether."""


class ScalarNode:
    """Text as written, escapes resolved. `quoted` is true for block scalars (`|`, `>`) too."""

    __slots__ = ("column", "file", "line", "quoted", "text")

    def __init__(
        self,
        text: str,
        line: int,
        column: int,
        file: SourceFile,
        quoted: bool = False,  # noqa: FBT001, FBT002  # positional: one is made per scalar
    ) -> None:
        self.text = text
        self.line = line
        self.column = column
        self.file = file
        self.quoted = quoted

    @property
    def position(self) -> Position:
        """Where it starts, a quoted one at its quote. The end is known for plain text."""
        plain_end = self.column + len(self.text)
        line = self.file.line(self.line)
        known = not self.quoted and line[self.column - 1 : plain_end - 1] == self.text
        return Position(self.file.name, self.line, self.column, plain_end if known else 0)

    def __repr__(self) -> str:
        return f"ScalarNode({self.text!r})"


class Entry:
    """One entry of a map: where its key stands, and its value."""

    __slots__ = ("column", "line", "value")

    def __init__(self, line: int, column: int, value: Node) -> None:
        self.line = line
        self.column = column
        self.value = value

    @property
    def key_position(self) -> Position:
        """Where the key starts."""
        return Position(self.value.file.name, self.line, self.column)


class MapNode:
    """A map, in the order written. At its first key, or at its brace."""

    __slots__ = ("column", "entries", "file", "line")

    def __init__(self, entries: dict[str, Entry], line: int, column: int, file: SourceFile) -> None:
        self.entries = entries
        self.line = line
        self.column = column
        self.file = file

    @property
    def position(self) -> Position:
        """Where it starts."""
        return Position(self.file.name, self.line, self.column)

    def __repr__(self) -> str:
        return f"MapNode({sorted(self.entries)})"


class ListNode:
    """A list. At its first dash, or at its bracket."""

    __slots__ = ("column", "file", "items", "line")

    def __init__(self, items: tuple[Node, ...], line: int, column: int, file: SourceFile) -> None:
        self.items = items
        self.line = line
        self.column = column
        self.file = file

    @property
    def position(self) -> Position:
        """Where it starts."""
        return Position(self.file.name, self.line, self.column)

    def __repr__(self) -> str:
        return f"ListNode({len(self.items)} items)"


Node: TypeAlias = ScalarNode | MapNode | ListNode


def parse(source: SourceFile, diagnostics: Diagnostics) -> MapNode | None:
    """The file's map (empty for an empty file), or `None` if its syntax is broken.

    Never raises: everything wrong is added to `diagnostics`. Where parsing can go on
    it does, so a returned map may belong to a file with errors.
    """
    node = parse_any(source, diagnostics)
    if isinstance(node, MapNode):
        return node
    if isinstance(node, ScalarNode) and not node.text and not node.quoted:
        return MapNode({}, 1, 1, source)
    if node is not None:
        diagnostics.error(
            "KP-LANG-016",
            f"{source.name} does not hold a map of blocks",
            position=node.position,
            snippet=snippet(node),
            advice="Start with a block: `key:` or `provider:`, its entries indented below it.",
        )
    return None


def parse_any(source: SourceFile, diagnostics: Diagnostics) -> Node | None:
    """As `parse`, for text whose outermost value may be of any kind. Empty text is empty."""
    from keyplan.config.building import build  # noqa: PLC0415  # PyYAML is needed only here

    return build(source, diagnostics)


def snippet(node: Node) -> str:
    """The source line on which the node starts, unchanged."""
    return node.file.line(node.line)


_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
_WORDS: dict[str, bool | None] = {
    "true": True,
    "false": False,
    "": None,
    "~": None,
    "null": None,
    "none": None,
}


def plain_value(node: ScalarNode) -> str | int | float | bool | None:
    """What a scalar means where no type is declared (locals, inputs, `any`).

    Quoted text is text. Unquoted `true` and `false` are booleans, nothing, `~`,
    `null` and `none` are `None`, and a number is one only if JSON would write it
    exactly so: `1.10`, `012`, `1e5` and `0x1f` stay text, and nothing written is lost.
    """
    text = node.text
    if node.quoted:
        return text
    if text in _WORDS:
        return _WORDS[text]
    if len(text) <= 20 and _NUMBER.fullmatch(text):
        number = float(text) if "." in text else int(text)
        if repr(number) == text:
            return number
    return text
