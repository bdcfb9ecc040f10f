"""Stage 2: one file's text as light nodes with positions.

Rules: nodes are built from the parser's events, never composed. Scalars are not
resolved: a node has the text as written and whether it was quoted; the field decides
what it means. Tags, merge keys, keys that are not text, duplicate keys, a second
document and excessive depth or alias expansion are reported with their place.
"""

from __future__ import annotations

from typing import TypeAlias

from keyplan.config.source import SourceFile
from keyplan.diagnostics import Diagnostics, Position

MAX_DEPTH = 100
"""Levels of nesting; deeper text is refused while it is read."""


class ScalarNode:
    """Text as written. `quoted` also for block scalars (`|`, `>`)."""

    __slots__ = ("column", "file", "line", "quoted", "text")

    def __init__(self, text: str, quoted: bool, line: int, column: int, file: SourceFile) -> None:  # noqa: FBT001
        self.text = text
        self.quoted = quoted
        self.line = line
        self.column = column
        self.file = file

    @property
    def position(self) -> Position:
        """Where it starts; a quoted one at its quote."""
        return Position(self.file.name, self.line, self.column)


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
    """A map, in the order written."""

    __slots__ = ("column", "entries", "file", "line")

    def __init__(self, entries: dict[str, Entry], line: int, column: int, file: SourceFile) -> None:
        self.entries = entries
        self.line = line
        self.column = column
        self.file = file

    @property
    def position(self) -> Position:
        """Where its first key or its brace stands."""
        return Position(self.file.name, self.line, self.column)


class ListNode:
    """A list."""

    __slots__ = ("column", "file", "items", "line")

    def __init__(self, items: tuple[Node, ...], line: int, column: int, file: SourceFile) -> None:
        self.items = items
        self.line = line
        self.column = column
        self.file = file

    @property
    def position(self) -> Position:
        """Where its first dash or its bracket stands."""
        return Position(self.file.name, self.line, self.column)


Node: TypeAlias = ScalarNode | MapNode | ListNode


def parse(source: SourceFile, diagnostics: Diagnostics) -> MapNode | None:
    """The file's map (empty for an empty file), or `None` if its syntax is broken.

    Never raises: everything wrong is added to `diagnostics`. Where parsing can go on
    it does, so a returned map may belong to a file with errors.
    """
    raise NotImplementedError


def snippet(node: Node) -> str:
    """The source line on which the node starts, unchanged."""
    return node.file.line(node.line)


def plain_value(node: ScalarNode) -> str | int | float | bool | None:
    """What a scalar means where no type is declared (locals, inputs, `any`).

    Quoted text is text. Unquoted `true` and `false` are booleans, nothing, `~`,
    `null` and `none` are `None`, and a number is one only if JSON would write it
    exactly so: `1.10`, `012`, `1e5` and `0x1f` stay text, and nothing written is lost.
    """
    raise NotImplementedError
